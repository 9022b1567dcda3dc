import { expect, test } from 'vitest'
import { checkSchema } from '../json-schema.ts'
import { toLabels, toQuestion } from './form.ts'

const options = [{ label: 'SQLite', description: 'one file' }, { label: 'Postgres' }]
const field = { name: 'database', text: 'Which database?', options, multiple: false, free: false }

test('one of the choices is an answer, anything else is not', () => {
  const { title, schema } = toQuestion([field])
  expect(title).toBe('Which database?')
  expect(checkSchema(schema, { database: 'SQLite' })).toEqual([])
  for (const content of [{ database: 'Oracle' }, {}, { database: ['SQLite'] }, { database: 'SQLite', more: 1 }])
    expect(checkSchema(schema, content), JSON.stringify(content)).not.toEqual([])
})

test('where free text is allowed, the choices are only offered', () => {
  const { schema } = toQuestion([{ ...field, free: true }])
  expect(checkSchema(schema, { database: 'Oracle' })).toEqual([])
  expect(JSON.stringify(schema)).toContain('one file')
  expect(checkSchema(schema, { database: 3 })).not.toEqual([])
})

test('several may be chosen where the question says so, and none is no answer', () => {
  const { schema } = toQuestion([{ ...field, multiple: true }])
  expect(checkSchema(schema, { database: ['SQLite', 'Postgres'] })).toEqual([])
  for (const content of [{ database: [] }, { database: ['Oracle'] }, { database: 'SQLite' }])
    expect(checkSchema(schema, content), JSON.stringify(content)).not.toEqual([])
  expect(toLabels(['a', 'b'])).toEqual(['a', 'b'])
  expect(toLabels('a')).toEqual(['a'])
  expect(toLabels(undefined)).toEqual([])
})

test('a choice that is offered twice is one', () => {
  const { schema } = toQuestion([{ ...field, options: [...options, { label: 'SQLite', description: 'again' }] }])
  expect(checkSchema(schema, { database: 'SQLite' })).toEqual([])
})
