import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { checkSchema } from '../json-schema.ts'
import { createSchemaCheck } from './schema-check.ts'

function open(limitMs?: number) {
  const schemas = createSchemaCheck({ simple: checkSchema, ...(limitMs === undefined ? {} : { limitMs }) })
  onTestFinished(() => schemas[Symbol.asyncDispose]())
  return schemas.check
}

test('references inside the schema and patterns hold', async () => {
  const check = open()
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $defs: { node: { type: 'object', properties: { name: { pattern: '^[a-z]+$' }, next: { $ref: '#/$defs/node' } }, required: ['name'] } },
    $ref: '#/$defs/node',
  }
  expect(await check(schema, { name: 'a', next: { name: 'b' } })).toEqual([])
  expect(await check(schema, { name: 'a', next: { name: '1' } })).toEqual([expect.stringContaining('next/name')])
})

test('a pattern that takes for ever is a fault of the value, and the next check works', async () => {
  const check = open(300)
  const schema = { properties: { a: { type: 'string', pattern: '^(a+)+$' } } }
  const slow = check(schema, { a: `${'a'.repeat(60)}!` })
  // The event loop goes on.
  await new Promise((resolve) => setImmediate(resolve))
  expect(await slow).toEqual(['it could not be checked in time'])
  expect(await check(schema, { a: 'aaa' })).toEqual([])
})

test.each([
  ['leads elsewhere', { $ref: 'http://127.0.0.1:1/schema.json' }, /only lead into/],
  ['leads nowhere', { $ref: '#/$defs/none' }, /resolve/],
  ['only refers to itself', { $defs: { a: { $ref: '#/$defs/a' } }, $ref: '#/$defs/a' }, /in circles/],
  ['is a promise', { $async: true }, /not supported/],
  ['has a pattern that is none', { properties: { a: { pattern: '(' } } }, /regular expression/i],
  ['is too large', { description: 'x'.repeat(70_000) }, /too large/],
])('a schema that %s cannot be used', async (_, schema, reason) => {
  await expect(open()(schema, {})).rejects.toThrow(reason)
})

test('whatever the schema and the value: an answer or a refusal', async () => {
  const check = open()
  const keyword = fc.constantFrom(
    '$ref',
    '$defs',
    'pattern',
    'type',
    'properties',
    'items',
    'allOf',
    'not',
    'uniqueItems',
    '__proto__',
    '$id',
  )
  const { schema } = fc.letrec((tie) => ({
    schema: fc.dictionary(
      keyword,
      fc.oneof({ maxDepth: 4 }, fc.constantFrom('#', '#/$defs/a', 'object', '(a+)+$'), fc.jsonValue(), tie('schema')),
    ),
  }))
  await fc.assert(
    fc.asyncProperty(schema, fc.jsonValue(), async (one, value) => {
      const answer = await check(one, value).catch((error: unknown) => error)
      expect(Array.isArray(answer) || answer instanceof Error).toBe(true)
    }),
    { numRuns: 150 },
  )
}, 60_000)
