import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseScenarios, readScenarioFile, ScenarioError } from './scenario.ts'

const withLeg = (leg: unknown): unknown => ({ scenarios: [{ name: 'one', prompt: 'go', legs: [leg] }] })
const errorOf = (value: unknown): string => {
  try {
    parseScenarios(value, 'file.json')
  } catch (error) {
    if (error instanceof ScenarioError) return error.message
    throw error
  }
  return 'accepted'
}

test('every scenario file of the package is valid', async () => {
  const file = await readScenarioFile(join(import.meta.dirname, '../scenarios/demo.json'))
  expect(file.scenarios.map(({ name }) => name)).toEqual(['demo'])
})

test('defaults are filled in', () => {
  const file = parseScenarios(withLeg({ fault: { kind: 'drop' }, usage: { input_tokens: 1, output_tokens: 2 } }))
  expect(file.scenarios[0]?.legs[0]).toEqual({
    fault: { kind: 'drop', after_chunks: 0 },
    usage: { input_tokens: 1, cached_input_tokens: 0, output_tokens: 2, reasoning_tokens: 0 },
  })
})

test.each([
  ['a misspelt key', withLeg({ txt: 'x' }), 'file.json: scenarios[0].legs[0]: Unrecognized key: "txt"'],
  ['an empty leg', withLeg({}), 'file.json: scenarios[0].legs[0]: is empty: give reasoning, text, text_repeat, tools or fault'],
  ['an unknown tool', withLeg({ tools: [{ tool: 'spoon' }] }), 'scenarios[0].legs[0].tools[0].tool: '],
  ['a shell tool without a command', withLeg({ tools: [{ tool: 'shell' }] }), 'scenarios[0].legs[0].tools[0].command: '],
  ['a native tool without input', withLeg({ tools: [{ tool: 'native', name: 'x' }] }), 'needs either input or input_text'],
  ['two texts', withLeg({ text: 'x', text_repeat: { text: 'y', times: 2 } }), 'has text and text_repeat'],
  ['a status that is no error', withLeg({ fault: { kind: 'status', status: 200 } }), 'scenarios[0].legs[0].fault.status: '],
  [
    'a broken expression',
    { scenarios: [{ name: 'a', prompt: { regex: '(' }, legs: [{ text: 'x' }] }] },
    'scenarios[0].prompt.regex: is not a regular expression',
  ],
  [
    'a prompt of another kind',
    { scenarios: [{ name: 'a', prompt: 1, legs: [{ text: 'x' }] }] },
    'scenarios[0].prompt: is neither a string nor {"regex": string}',
  ],
  ['a name no id can hold', { scenarios: [{ name: 'a b', prompt: 'x', legs: [{ text: 'x' }] }] }, 'scenarios[0].name: '],
  [
    'a name used twice',
    { scenarios: ['x', 'y'].map((prompt) => ({ name: 'a', prompt, legs: [{ text: 'x' }] })) },
    'scenarios[1].name: "a" is already taken',
  ],
])('the error names the path of %s', (_, value, message) => {
  expect(errorOf(value)).toContain(message)
})
