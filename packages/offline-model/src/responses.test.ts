import { expect, test } from 'vitest'
import type { Conversation } from './conversation.ts'
import { RequestError } from './dialect.ts'
import type { Frame } from './dialect.ts'
import { toReply } from './reply.ts'
import { responses } from './responses.ts'
import { parseScenarios } from './scenario.ts'
import type { ScenarioFileInput } from './scenario.ts'
import { select } from './selection.ts'

const read = (input: unknown, headers = {}): Conversation =>
  responses.read({ model: 'm', stream: true, input, prompt_cache_key: 'cache' }, headers, '/v1/responses')

test('a request becomes a conversation', () => {
  const { items, tools } = read([
    { type: 'additional_tools', role: 'developer', tools: [{ type: 'custom', name: 'exec' }] },
    { type: 'message', role: 'developer', content: [{ type: 'input_text', text: 'Be nice.' }] },
    {
      type: 'message',
      role: 'user',
      content: [
        { type: 'input_text', text: '<env/>' },
        { type: 'input_image', image_url: 'data:' },
        { type: 'input_text', text: 'Go' },
      ],
    },
    { type: 'reasoning', summary: [{ type: 'summary_text', text: 'Hm.' }], content: null, encrypted_content: 'x' },
    { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'Going.' }] },
    { type: 'function_call', call_id: 'a', name: 'note', namespace: 'mcp__x', arguments: '{"n":1}' },
    { type: 'custom_tool_call', call_id: 'b', name: 'apply_patch', input: '*** Begin Patch' },
    { type: 'function_call_output', call_id: 'a', output: [{ type: 'input_text', text: 'noted' }] },
    { type: 'custom_tool_call_output', call_id: 'b', output: 'Success' },
  ])
  expect(tools).toEqual(['exec'])
  expect(items).toEqual([
    { kind: 'system', text: 'Be nice.' },
    { kind: 'user', text: '<env/>' },
    { kind: 'user', text: 'Go' },
    { kind: 'reasoning', text: 'Hm.' },
    { kind: 'assistant', text: 'Going.' },
    { kind: 'tool_call', id: 'a', name: 'mcp__x__note', input: { n: 1 } },
    { kind: 'tool_call', id: 'b', name: 'apply_patch', input: '*** Begin Patch' },
    { kind: 'tool_output', id: 'a', text: 'noted' },
    { kind: 'tool_output', id: 'b', text: 'Success' },
  ])
})

test('a plain string is a prompt, and the thread names the conversation', () => {
  expect(read('Go')).toMatchObject({ id: 'cache', model: 'm', items: [{ kind: 'user', text: 'Go' }] })
  expect(read('Go', { 'thread-id': 'thread' }).id).toBe('thread')
})

test('only streams are served', () => {
  expect(() => responses.read({ model: 'm', input: 'Go' }, {}, '/v1/responses')).toThrow(RequestError)
})

type LegInput = ScenarioFileInput['scenarios'][number]['legs'][number]
const render = (leg: LegInput): Frame[] => {
  const file = parseScenarios({ scenarios: [{ name: 'go', prompt: 'Go', legs: [leg] }] })
  const conversation = read('Go')
  return [...responses.render(toReply(conversation, select(conversation, file), 1, responses.mainAgent))]
}
const wire = (frame: Frame): string => (typeof frame.wire === 'string' ? frame.wire : [...frame.wire].join(''))
const data = (frame: Frame): unknown => JSON.parse(/^event: \S+\ndata: (.*)\n\n$/.exec(wire(frame))?.[1] ?? '')
const done = (leg: LegInput): unknown[] =>
  render(leg)
    .map(data)
    .filter((event) => JSON.stringify(event).includes('"response.output_item.done"'))

test('a leg is a stream of items between created and completed', () => {
  const frames = render({ reasoning: 'Hm.', text: 'Hello "you"\n', chunk_size: 6, tools: [{ tool: 'shell', command: 'ls' }] })
  expect(frames.map((frame) => [frame.kind, /^event: (\S+)/.exec(wire(frame))?.[1]])).toEqual([
    ['frame', 'response.created'],
    ['frame', 'response.output_item.added'],
    ['frame', 'response.reasoning_summary_part.added'],
    ['delta', 'response.reasoning_summary_text.delta'],
    ['frame', 'response.output_item.done'],
    ['frame', 'response.output_item.added'],
    ['frame', 'response.content_part.added'],
    ['delta', 'response.output_text.delta'],
    ['delta', 'response.output_text.delta'],
    ['frame', 'response.output_item.done'],
    ['frame', 'response.output_item.added'],
    ['delta', 'response.function_call_arguments.delta'],
    ['frame', 'response.output_item.done'],
    ['end', 'response.completed'],
  ])
  expect(frames.map(data).at(9)).toMatchObject({
    output_index: 1,
    item: { id: 'msg_go_0_0_1', content: [{ type: 'output_text', text: 'Hello "you"\n' }] },
  })
  expect(frames.map(data).at(-1)).toMatchObject({
    response: { status: 'completed', usage: { output_tokens_details: { reasoning_tokens: 1 } } },
  })
})

test('the same leg is the same bytes', () => {
  const leg: LegInput = { reasoning: 'Hm.', text: 'Hello', tools: [{ tool: 'patch', patch: '*** Begin Patch\n*** End Patch' }] }
  expect(render(leg).map(wire)).toEqual(render(leg).map(wire))
})

test('tools are Codex tools', () => {
  const tools: LegInput['tools'] = [
    { tool: 'shell', command: 'id', escalate: true, justification: 'May I?', workdir: '/', yield_time_ms: 300 },
    { tool: 'patch', patch: '*** Begin Patch\n*** End Patch' },
    { tool: 'plan', entries: [{ text: 'Look', status: 'completed' }] },
    { tool: 'native', namespace: 'mcp__x', name: 'note', input: { n: 1 } },
    { tool: 'native', name: 'exec', input_text: 'text(1)' },
  ]
  const call = (item: object): object => ({ item: { status: 'completed', ...item } })
  const shell = { cmd: 'id', workdir: '/', yield_time_ms: 300, sandbox_permissions: 'require_escalated', justification: 'May I?' }
  expect(done({ tools })).toMatchObject([
    call({ type: 'function_call', name: 'exec_command', call_id: 'call_go_0_0_1_0', arguments: JSON.stringify(shell) }),
    call({ type: 'custom_tool_call', name: 'apply_patch', input: '*** Begin Patch\n*** End Patch' }),
    call({ type: 'function_call', name: 'update_plan', arguments: '{"plan":[{"step":"Look","status":"completed"}]}' }),
    call({ type: 'function_call', namespace: 'mcp__x', name: 'note', arguments: '{"n":1}' }),
    call({ type: 'custom_tool_call', name: 'exec', input: 'text(1)' }),
  ])
})

test('a repeated text is whole in the end, and never one string', () => {
  const frames = render({ text_repeat: { text: '"é"\n', times: 20_000 } })
  const item = frames.find((frame) => wire(frame).startsWith('event: response.output_item.done'))
  expect(item && data(item)).toMatchObject({ item: { content: [{ text: '"é"\n'.repeat(20_000) }] } })
  expect(item && Array.from(item.wire).length).toBeGreaterThan(5)
})
