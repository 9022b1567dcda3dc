import { toFormFields } from '@codesdkd/client'
import { expect, test } from 'vitest'
import { fillForm, toValues } from './answer-form.ts'

const object = (properties: object, required: readonly string[] = []) => ({ type: 'object', properties, required })

/** Somebody who answers so, in this order, and then leaves. */
function person(...answers: readonly string[]) {
  const asked: string[] = []
  const said: string[] = []
  const left = [...answers]
  const ask = (text: string) => {
    asked.push(text)
    return Promise.resolve(left.shift() ?? null)
  }
  return { asked, said, ask, say: (line: string) => void said.push(line) }
}

const database = {
  type: 'string',
  description: 'Which?\u001b[2J',
  oneOf: [{ const: 'SQLite', description: 'one file' }, { const: 'PostgreSQL' }],
}

test('each field is asked for until there is an answer to it, and what may be left out can be', async () => {
  const schema = object(
    { database, many: { type: 'array', items: { enum: ['p', 'q', 'r'] } }, size: { type: 'integer' }, sure: { type: 'boolean' } },
    ['database', 'sure'],
  )
  const somebody = person('', '9', '2', 'p, 3', '', 'perhaps', 'y')
  expect(await fillForm(schema, somebody.ask, somebody.say)).toEqual({ database: 'PostgreSQL', many: ['p', 'r'], sure: true })
  expect(somebody.said.slice(0, 3)).toEqual(
    ['  Which?\\u001b[2J', '    1  SQLite  one file', '    2  PostgreSQL'].map((line) => expect.stringContaining(line.slice(0, 8))),
  )
  expect(somebody.said.join('')).not.toContain('\u001b')
})

test('where the input ends there is no answer', async () => {
  const somebody = person()
  expect(await fillForm(object({ database }, ['database']), somebody.ask, somebody.say)).toBeNull()
})

test('what no form can show is asked for as JSON', async () => {
  const somebody = person('SQLite', '["SQLite"]', '{"deep":{}}')
  expect(await fillForm(object({ deep: { type: 'object' } }), somebody.ask, somebody.say)).toEqual({ deep: {} })
})

test('a number stands for the option that has it, also where something else may be said', () => {
  const [field] = toFormFields(object({ open: { type: 'string', examples: ['x', 'y'] } })) ?? []
  if (field === undefined) throw new Error('there is no field')
  expect(['1', 'y', 'z', '3', ''].map((answer) => toValues(field, answer))).toEqual([['x'], ['y'], ['z'], ['3'], null])
})
