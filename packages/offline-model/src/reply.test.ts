import { expect, test } from 'vitest'
import type { Conversation } from './conversation.ts'
import { toReply } from './reply.ts'
import type { Reply } from './reply.ts'
import { parseScenarios } from './scenario.ts'
import type { ScenarioFileInput } from './scenario.ts'
import { select } from './selection.ts'

const conversation: Conversation = {
  id: 't',
  model: 'm',
  wants: 'stream',
  tools: [],
  cwd: null,
  answerSchema: null,
  items: [
    { kind: 'system', text: 'a long instruction' },
    { kind: 'user', text: '<environment>/somewhere</environment>' },
    { kind: 'user', text: 'go 🚀 now' },
    { kind: 'tool_call', id: 'c', name: 'x', input: {} },
    { kind: 'tool_output', id: 'c', text: 'first' },
    { kind: 'tool_output', id: 'd', text: 'second' },
  ],
}
type LegInput = ScenarioFileInput['scenarios'][number]['legs'][number]
const reply = (leg: LegInput, attempt = 1): Reply => {
  const file = parseScenarios({ scenarios: [{ name: 'go', prompt: 'go', legs: [{ text: 'unused' }, leg] }] })
  return toReply(conversation, select(conversation, file), attempt, 'codex')
}

test('ids come from scenario, prompt, leg and attempt', () => {
  const tools: LegInput['tools'] = [
    { tool: 'shell', command: 'a' },
    { tool: 'shell', command: 'b', call_id: 'mine' },
  ]
  expect(reply({ tools }).id).toBe('go_0_1_1')
  expect(reply({ tools }, 2).tools.map(({ callId }) => callId)).toEqual(['call_go_0_1_2_0', 'mine'])
})

test('templates show what reached the model', () => {
  expect(reply({ text: '{{prompt}} / {{last_tool_output}} / {{other}}' }).text?.unit).toBe('go 🚀 now / second / {{other}}')
})

test('deltas have the asked size and never cut a character', () => {
  expect([...(reply({ text: 'ab🚀cd', chunk_size: 3 }).text?.deltas() ?? [])]).toEqual(['ab🚀', 'cd'])
})

test('a repeated text is not built', () => {
  const text = reply({ text_repeat: { text: 'xy', times: 1e12 } }).text
  const [first] = text?.deltas() ?? []
  expect([first, text?.times]).toEqual(['xy', 1e12])
})

test('usage is the given one, or follows from the scenario alone', () => {
  const usage = { input_tokens: 9, cached_input_tokens: 4, output_tokens: 2, reasoning_tokens: 1 }
  expect(reply({ text: 'x', usage }).usage).toEqual(usage)
  expect(reply({ reasoning: '12345678', text: '1234' }).usage).toEqual({
    input_tokens: 3,
    cached_input_tokens: 0,
    output_tokens: 3,
    reasoning_tokens: 2,
  })
})
