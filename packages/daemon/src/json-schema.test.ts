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
