import { expect, test } from 'vitest'
import { toFormContent, toFormFields } from './answer-form.ts'

const object = (properties: object, required: readonly string[] = []) => ({ type: 'object', properties, required })

test('choices, closed and open, one and many', () => {
  const fields = toFormFields(
    object(
      {
        closed: { type: 'string', oneOf: [{ const: 'a', description: 'first' }, { const: 'b' }] },
        open: { type: 'string', examples: ['x'], 'x-options': [{ const: 'x' }] },
        many: { type: 'array', items: { type: 'string', enum: ['p', 'q'] } },
        text: { type: 'string', description: 'Say it' },
        yes: { type: 'boolean' },
        size: { type: 'integer' },
      },
      ['closed'],
    ),
  )
  expect(fields?.map(({ name, input, free, options }) => [name, input, free, options.map(({ value }) => value)])).toEqual([
    ['closed', 'choice', false, ['a', 'b']],
    ['open', 'choice', true, ['x']],
    ['many', 'choices', false, ['p', 'q']],
    ['text', 'text', true, []],
    ['yes', 'boolean', false, []],
    ['size', 'number', false, []],
  ])
  const said = new Map([
    ['closed', ['a']],
    ['many', ['p', 'q']],
    ['yes', ['true']],
    ['size', ['3']],
  ])
  expect(toFormContent(fields ?? [], said)).toEqual({ closed: 'a', many: ['p', 'q'], yes: true, size: 3 })
})

test('a schema that no form can show is none', () => {
  expect(toFormFields(object({ deep: { type: 'object' } }))).toBeNull()
  expect(toFormFields('text')).toBeNull()
})
