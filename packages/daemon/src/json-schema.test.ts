import { expect, test } from 'vitest'
import { checkSchema } from './json-schema.ts'

test('says what does not fit, and where', () => {
  const schema = { type: 'object', properties: { n: { type: 'integer', minimum: 3 } }, required: ['n'] }
  expect(checkSchema(schema, { n: 3 })).toEqual([])
  expect(checkSchema(schema, { n: 2 })).toEqual(['n must be >= 3'])
  expect(checkSchema(schema, {})).toEqual(["it must have required property 'n'"])
})

test.each([
  ['no object', 'text'],
  ['nothing', null],
  ['a pattern, which could run for ever', { properties: { a: { type: 'string', pattern: '(a+)+$' } } }],
  ['patterns of names', { patternProperties: { '(a+)+$': {} } }],
  ['something to fetch', { $ref: 'http://127.0.0.1:1/schema.json' }],
  ['a type that does not exist', { type: 'sausage' }],
  ['far too much', { description: 'x'.repeat(70_000) }],
])('a schema that is %s is not used', (_, schema) => {
  expect(() => checkSchema(schema, { a: 'b' })).toThrow()
})

test('what a schema says is never code', () => {
  const schema = {
    type: 'object',
    properties: { "a'];globalThis.owned = true;//": { type: 'string' } },
    required: ["']);globalThis.owned = true;//"],
  }
  checkSchema(schema, {})
  expect('owned' in globalThis).toBe(false)
})

const nested = (depth: number): object => (depth === 0 ? {} : { not: nested(depth - 1) })

test.each([
  ['a reference to itself', { type: 'object', properties: { a: { $ref: '#/properties/a' } } }],
  ['a check that is a promise', { $async: true, type: 'object', required: ['a'] }],
  ['more depth than any form has', nested(40)],
])('a schema with %s cannot be used, whatever is checked', async (_, schema) => {
  const unheard: unknown[] = []
  const hear = (error: unknown) => unheard.push(error)
  process.on('unhandledRejection', hear)
  for (const value of [{}, { a: 1 }]) expect(() => checkSchema(schema, value)).toThrow(/is not supported|too deep/)
  await new Promise((resolve) => setImmediate(resolve))
  process.off('unhandledRejection', hear)
  expect(unheard).toEqual([])
})
