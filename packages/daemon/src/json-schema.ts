import { createRequire } from 'node:module'
import type * as ajv2020 from 'ajv/dist/2020.js'

// Loaded when a question is asked for the first time: most daemons never need its 15 MB.
const load = createRequire(import.meta.url)

/** Bytes of a schema, as JSON, and how deep it may be. */
const SCHEMA_LIMIT = 64 * 1024
const DEPTH_LIMIT = 32

/**
 * What makes the check of a small schema endless or exponential, or hands it to a promise whose rejection nobody hears. A form
 * of plain fields, which is all that a question may be, needs none of it.
 */
const REFUSED: ReadonlySet<string> = new Set(['$ref', '$dynamicRef', '$recursiveRef', '$async'])

/**
 * Finds what is wrong with a value by a JSON Schema (2020-12); empty when it fits. Schemas come from agents and their
 * servers: nothing is fetched, and what could be made to run for ever is not taken. Throws for a schema that cannot be used.
 */
export function checkSchema(schema: unknown, value: unknown): readonly string[] {
  if (typeof schema !== 'object' || schema === null) throw new Error('the schema is not an object')
  if (JSON.stringify(schema).length > SCHEMA_LIMIT) throw new Error('the schema is too large')
  refuseUnsafe(schema, 0)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `require` knows no types
  const { Ajv2020 } = load('ajv/dist/2020.js') as typeof ajv2020
  const ajv = new Ajv2020({
    strict: false,
    validateFormats: false,
    // The schema of schemas has patterns of its own; what is wrong with a schema shows when it is compiled.
    meta: false,
    validateSchema: false,
    code: { regExp: Object.assign(refusePattern, { code: '' }) },
  })
  const validate = ajv.compile(schema)
  if (validate(value)) return []
  return (validate.errors ?? []).map(
    ({ instancePath, message }) => `${instancePath === '' ? 'it' : instancePath.slice(1)} ${message ?? 'is not valid'}`,
  )
}

function refuseUnsafe(part: unknown, depth: number): void {
  if (typeof part !== 'object' || part === null) return
  if (depth > DEPTH_LIMIT) throw new Error('the schema is too deep')
  for (const [key, value] of Object.entries(part)) {
    if (REFUSED.has(key)) throw new Error(`${key} is not supported`)
    refuseUnsafe(value, depth + 1)
  }
}

/** A regular expression of somebody else can take for ever. */
function refusePattern(): never {
  throw new Error('patterns are not supported')
}
