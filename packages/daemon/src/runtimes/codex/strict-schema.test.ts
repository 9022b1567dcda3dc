import { describe, expect, test } from 'vitest'
import { isStrictSchema } from './strict-schema.ts'

const strict = (properties: Readonly<Record<string, unknown>>, more: object = {}) => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
  ...more,
})
const deep = (levels: number): object => (levels === 1 ? strict({ leaf: { type: 'string' } }) : strict({ next: deep(levels - 1) }))

describe('isStrictSchema', () => {
  test.each([
    ['plain fields', strict({ bugs: { type: 'integer', description: 'how many' } })],
    ['with its dialect', strict({}, { $schema: 'https://json-schema.org/draft/2020-12/schema', title: 'Nothing' })],
    [
      'lists, choices and what may be missing',
      strict({ list: { type: 'array', items: { type: ['string', 'null'] } }, a: { anyOf: [strict({}), { enum: ['x'] }] } }),
    ],
    ['four levels', deep(4)],
  ])('%s: yes', (_name, schema) => expect(isStrictSchema({ ...schema })).toBe(true))

  test.each([
    ['another root than an object', { type: 'array', items: { type: 'string' } }],
    ['a field that may be left out', strict({ a: { type: 'string' } }, { required: [] })],
    ['other properties allowed', strict({}, { additionalProperties: true })],
    ['nothing said of other properties', { type: 'object', properties: {}, required: [] }],
    ['an object inside that is not strict', strict({ a: { type: 'object' } })],
    ['an object inside a list that is not strict', strict({ a: { type: 'array', items: { type: 'object' } } })],
    ['a keyword that is not documented', strict({ a: { type: 'string', pattern: '^a' } })],
    ['a reference', strict({ a: { $ref: '#' } })],
    ['too deep', deep(6)],
    ['too much', strict(Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`p${index}`, { type: 'string' }])))],
    ['nonsense', { type: 'object', properties: 1, required: 'a', additionalProperties: false }],
    ['nothing', {}],
  ])('%s: no', (_name, schema) => expect(isStrictSchema({ ...schema })).toBe(false))
})
