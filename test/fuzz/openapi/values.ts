import * as fc from 'fast-check'
import type { ApiDocument, JsonSchema } from './document.ts'

/** Stands where the id, hash or attempt of something that lives is put when the request is sent. */
export const LIVING = '{living}'

/** Texts that are trouble somewhere: in paths, in headers, in SQL, in shells, in JSON, in terminals, in HTML. */
export const trouble = fc.constantFrom(
  '', ' ', '.', '..', '../../etc/passwd', '/', '\\', '\0', 'a\0b', '\r\nx: y', '\u001b[31m', '\u2028', '\ufeff', '\ud800', '\udc00x',
  '💥', 'é', 'e\u0301', '\u202e', '__proto__', 'constructor', 'prototype', 'toString', 'null', 'true', '0', '-1', '1e999', 'NaN',
  '9007199254740993', '{}', '[]', '"', "'", '%', '%00', '%2e%2e', '%ff', '*', '$(id)', '; rm -rf /', '<script>', "' OR 1=1 --", '-x',
  'x'.repeat(129), 'x'.repeat(5_000), 'a/b', 'file:///etc/passwd', 'latest', 'known.1', 'x'.repeat(70_000),
) // prettier-ignore

/** Fields that only few values get through: what to try beside what the schema allows. */
const fields: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  runtime: fc.constantFrom('quick', 'quick', 'quick', 'stdio', 'nope'),
  cwd: fc.constantFrom(LIVING, LIVING, LIVING, '/', '/nonexistent', 'relative'),
  sandbox: fc.constantFrom('off', 'off', 'auto', 'require'),
  isolation_level: fc.constantFrom('namespaced', 'ephemeral', 'shared'),
  isolation_mode: fc.constantFrom('subprocess', 'subprocess', 'in_process', 'server_side'),
  permission_mode: fc.constantFrom('ask', 'ask', 'auto', 'yolo'),
  writable_roots: fc.constantFrom([], [LIVING], ['/etc'], ['/nonexistent']),
  readable_roots: fc.constantFrom([], ['/etc/hostname'], ['/nonexistent']),
  content: fc.constantFrom({ name: 'me' }, { name: 5 }, {}),
  messages: fc.constantFrom('do ask', 'do question', 'do big', 'do wait', 'do crash', 'do answer', 'x').map((content) => [{ role: 'user', content }]),
  output_schema: fc.constantFrom({ type: 'object' }, { $ref: '#' }, {}, { type: 'object', properties: { a: { pattern: '(a+)+$' } } }),
  approval_timeout_ms: fc.integer({ min: 1, max: 5_000 }),
  timeout_ms: fc.integer({ min: 1, max: 20_000 }),
  env: fc.constantFrom({}, { A: 'b' }, { PATH: 'x' }, { LD_PRELOAD: 'x' }),
  file: fc.constantFrom('licenses.md', 'licenses.md', 'index.html', '../package.json'),
  data: fc.base64String({ minLength: 4, maxLength: 400 }),
  content_type: fc.constantFrom('text/plain', 'image/png', 'text/html', 'application/json', 'application/x; a=b'),
} // prettier-ignore

/** Fields that name something: nearly always something that lives. */
const names: ReadonlySet<string> = new Set([
  'session_id',
  'task_id',
  'tool_call_id',
  'question_id',
  'artifact_id',
  'token_id',
  'attempt',
  'input_hash',
])

function snake(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/** Values that a schema allows, at its bounds as often as between them. Unknown keywords are ignored. */
export function valuesOf(document: ApiDocument, schema: JsonSchema, depth = 0): fc.Arbitrary<unknown> {
  if (typeof schema['$ref'] === 'string') return valuesOf(document, document.resolve(schema['$ref']), depth)
  if (Array.isArray(schema['enum'])) return fc.constantFrom(...(schema['enum'] as readonly unknown[]))
  if ('const' in schema) return fc.constant(schema['const'])
  const branches = schema['anyOf'] ?? schema['oneOf']
  if (Array.isArray(branches)) return fc.oneof(...branches.map((one: JsonSchema) => valuesOf(document, one, depth)))
  switch (schema['type']) {
    case 'object':
      return objects(document, schema, depth)
    case 'array':
      return fc.array(valuesOf(document, (schema['items'] ?? {}) as JsonSchema, depth + 1), {
        minLength: Math.min(2, bound(schema['minItems'], 0)),
        maxLength: depth > 3 ? 1 : 3,
      })
    case 'string':
      return strings(schema)
    case 'integer':
      return integers(schema)
    case 'number':
      return fc.double({ noNaN: true, noDefaultInfinity: true })
    case 'boolean':
      return fc.boolean()
    case 'null':
      return fc.constant(null)
    default:
      return fc.jsonValue({ maxDepth: 3 })
  }
}

/** A field of an object, a parameter of a query or a path: what lives, what is known to lead further, or what the schema allows. */
export function fieldOf(document: ApiDocument, name: string, schema: JsonSchema, depth = 0): fc.Arbitrary<unknown> {
  const known = snake(name)
  const any = valuesOf(document, schema, depth)
  if (names.has(known)) return fc.oneof({ weight: 9, arbitrary: fc.constant(LIVING) }, { weight: 1, arbitrary: any })
  const hint = depth < 2 && Object.hasOwn(fields, known) ? fields[known] : undefined
  return hint === undefined ? any : fc.oneof({ weight: 6, arbitrary: hint }, { weight: 1, arbitrary: any })
}

function objects(document: ApiDocument, schema: JsonSchema, depth: number): fc.Arbitrary<unknown> {
  const properties = Object.entries((schema['properties'] ?? {}) as Readonly<Record<string, JsonSchema>>)
  const required = new Set((schema['required'] ?? []) as readonly string[])
  const rest = schema['additionalProperties']
  if (properties.length === 0)
    return fc.dictionary(fc.string({ minLength: 1, maxLength: 12 }), valuesOf(document, (rest ?? {}) as JsonSchema, depth + 1), {
      maxKeys: 3,
    })
  // A few optional fields at a time: with all of them some rule always says no.
  const entries = properties.map(([name, one]) => {
    const value = fieldOf(document, name, one, depth + 1).map((it): readonly (readonly [string, unknown])[] => [[name, it]])
    if (required.has(name)) return value
    return fc.oneof({ weight: Math.max(4, properties.length), arbitrary: fc.constant([]) }, { weight: 2, arbitrary: value })
  })
  return fc.tuple(...entries).map((parts) => Object.fromEntries(parts.flat()))
}

const patterns: Readonly<Record<string, string>> = { '^[0-9]{1,16}$': '0123456789' }

function strings(schema: JsonSchema): fc.Arbitrary<string> {
  const max = bound(schema['maxLength'], 40)
  const min = bound(schema['minLength'], 0)
  const { pattern } = schema
  if (typeof pattern === 'string' && patterns[pattern] === undefined)
    return fc.oneof(fc.stringMatching(new RegExp(pattern), { maxLength: Math.min(max, 40) }), fc.constant('a'))
  return fc.oneof(
    { weight: 6, arbitrary: fc.string({ minLength: min, maxLength: Math.min(max, 40), unit: 'grapheme' }) },
    { weight: 1, arbitrary: fc.constantFrom('x'.repeat(Math.max(min, 1)), 'x'.repeat(Math.min(max, 5_000))) },
  )
}

function integers(schema: JsonSchema): fc.Arbitrary<number> {
  const min = bound(schema['minimum'], -(2 ** 31))
  const max = bound(schema['maximum'], Number.MAX_SAFE_INTEGER)
  return fc.oneof(fc.integer({ min, max: Math.min(max, min + 20) }), fc.constantFrom(min, max), fc.integer({ min, max }))
}

function bound(value: unknown, otherwise: number): number {
  return typeof value === 'number' ? value : otherwise
}
