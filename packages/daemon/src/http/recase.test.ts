import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { createTask, type ToolDefinition } from '@codesdkd/protocol'
import { toCamelCase } from './casing.ts'
import { recase } from './recase.ts'

const entry: Partial<ToolDefinition> = {
  name: 'weather',
  description: 'Tells the weather.',
  input_schema: { type: 'object', properties: { someTown: { maxLength: 3 }, other_town: {} }, additionalProperties: false },
  output_schema: { $defs: { inputSchema: {} } },
  timeout_ms: 5,
}
const camel = (object: object) => Object.fromEntries(Object.entries(object).map(([name, value]) => [toCamelCase(name), value as unknown]))
const { shape } = createTask

test.each([
  ['in a list', [camel(entry)], [entry]],
  ['in a list of an object', { tools: [camel(entry)] }, { tools: [entry] }],
  ['beside a name', ['known', camel(entry)], ['known', entry]],
  ['in both spellings that agree', [{ ...entry, ...camel(entry) }], [entry]],
  ['with more than is known', [{ ...camel(entry), somethingElse: { aB: 1 } }], [{ ...entry, somethingElse: { aB: 1 } }]],
])('an entry of a manifest %s', (_name, sent, read) => {
  expect(recase(shape.tool_manifest, sent)).toEqual(read)
})

test('blocks of a message', () => {
  const sent = [
    {
      role: 'user',
      content: [
        { type: 'image', mediaType: 'image/png', data: '' },
        { type: 'tool_result', toolUseId: 'a', content: { isError: 1 } },
      ],
    },
  ]
  expect(recase(shape.messages, sent)).toEqual([
    {
      role: 'user',
      content: [
        { type: 'image', media_type: 'image/png', data: '' },
        { type: 'tool_result', tool_use_id: 'a', content: { isError: 1 } },
      ],
    },
  ])
})

test('spellings that differ are refused', () => {
  expect(() => recase(shape.tool_manifest, [{ ...entry, timeoutMs: 6 }])).toThrow('timeout_ms and timeoutMs are the same field and differ')
})

test('what a schema leaves open is never changed, whatever it is', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(recase(shape.output_schema, value)).toEqual(value)
      expect(recase(shape.runtime_config, value)).toEqual(value)
      expect(recase(shape.tool_manifest, [{ ...entry, inputSchema: value, input_schema: structuredClone(value) }])).toEqual([
        { ...entry, input_schema: value },
      ])
    }),
    { examples: [[JSON.parse('{"__proto__": {"camelCase": 1}, "taskId": 2}')]] },
  )
})

test('what is no JSON of its kind stays for the schema to refuse', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      fc.pre(typeof value !== 'object' || value === null)
      expect(recase(shape.tool_manifest, value)).toEqual(value)
    }),
  )
})
