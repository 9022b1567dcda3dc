import { expect, test } from 'vitest'
import { isPrompt } from './conversation.ts'
import type { Conversation } from './conversation.ts'
import { RequestError } from './dialect.ts'
import type { Frame } from './dialect.ts'
import { messages } from './messages.ts'
import { startOfflineModel } from './offline-model.ts'
import type { OfflineModel } from './offline-model.ts'
import { toReply } from './reply.ts'
import type { Reply } from './reply.ts'
import { parseScenarios } from './scenario.ts'
import type { ScenarioFileInput } from './scenario.ts'
import { select } from './selection.ts'

type LegInput = ScenarioFileInput['scenarios'][number]['legs'][number]
const path = '/v1/messages'
const user = (content: unknown): object => ({ role: 'user', content })
const read = (said: object, headers = {}): Conversation =>
  messages.read({ model: 'm', stream: true, messages: [user('Go')], ...said }, headers, path)

test('a request becomes a conversation', () => {
  const { items, tools, cwd, wants } = read({
    system: [{ type: 'text', text: 'Be nice.' }],
    tools: [
      { name: 'Bash', input_schema: {} },
      { name: 'web_search', type: 'web_search_20250305' },
    ],
    messages: [
      user([
        { type: 'text', text: '<system-reminder>\n - Primary working directory: /my work/here\n - Platform: linux\n</system-reminder>' },
        { type: 'image', source: { type: 'base64', media_type: 'image/png', data: '' } },
        { type: 'text', text: 'Go' },
      ]),
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: 'Hm.', signature: 'x' },
          { type: 'text', text: 'Going.' },
          { type: 'tool_use', id: 'a', name: 'Bash', input: { command: 'ls' } },
        ],
      },
      user([
        {
          type: 'tool_result',
          tool_use_id: 'a',
          content: [{ type: 'text', text: 'one' }, { type: 'image' }, { type: 'text', text: 'two' }],
        },
        { type: 'tool_result', tool_use_id: 'b', content: 'three\n\n<system-reminder>\n1 left\n</system-reminder>\n', is_error: true },
      ]),
      user('[Request interrupted by user]'),
    ],
  })
  expect(items.filter((item) => item.kind !== 'user')).toEqual([
    { kind: 'system', text: 'Be nice.' },
    { kind: 'reasoning', text: 'Hm.' },
    { kind: 'assistant', text: 'Going.' },
    { kind: 'tool_call', id: 'a', name: 'Bash', input: { command: 'ls' } },
    { kind: 'tool_output', id: 'a', text: 'one\ntwo' },
    { kind: 'tool_output', id: 'b', text: 'three' },
  ])
  expect(items.filter(isPrompt)).toEqual([{ kind: 'user', text: 'Go' }])
  expect({ tools, cwd, wants }).toEqual({ tools: ['Bash', 'web_search'], cwd: '/my work/here', wants: 'stream' })
})

test('the session names the conversation', () => {
  const metadata = { user_id: JSON.stringify({ device_id: 'd', session_id: 'body' }) }
  expect(read({ metadata }, { 'x-claude-code-session-id': 'header' }).id).toBe('header')
  expect(read({ metadata }).id).toBe('body')
  expect(read({ metadata: { user_id: 'someone' } }).id).toBe('someone')
  expect(read({}).id).toBeNull()
})

test('what is no request of this API is refused', () => {
  expect(() => read({ messages: 'Go' })).toThrow(RequestError)
  expect(messages.accepts('POST', '/messages')).toBe(false)
  expect(messages.accepts('POST', '/proxy/v1/messages')).toBe(true)
})

const toReplyOf = (leg: LegInput): Reply => {
  const file = parseScenarios({ scenarios: [{ name: 'go', prompt: 'Go', legs: [leg] }] })
  const conversation = read({})
  return toReply(conversation, select(conversation, file), 1, messages.mainAgent)
}
const render = (leg: LegInput): Frame[] => [...messages.render(toReplyOf(leg))]
const wire = (frame: Frame): string => (typeof frame.wire === 'string' ? frame.wire : [...frame.wire].join(''))
const data = (frame: Frame): unknown => JSON.parse(/^event: \S+\ndata: (.*)\n\n$/.exec(wire(frame))?.[1] ?? '')

test('a leg is a stream of blocks between start and stop', () => {
  const frames = render({ reasoning: 'Hm.', text: 'Hello "you"\n', chunk_size: 6, tools: [{ tool: 'shell', command: 'ls' }] })
  expect(frames.map((frame) => [frame.kind, /^event: (\S+)/.exec(wire(frame))?.[1]])).toEqual([
    ['frame', 'message_start'],
    ['frame', 'ping'],
    ['frame', 'content_block_start'],
    ['delta', 'content_block_delta'],
    ['frame', 'content_block_delta'],
    ['frame', 'content_block_stop'],
    ['frame', 'content_block_start'],
    ['delta', 'content_block_delta'],
    ['delta', 'content_block_delta'],
    ['frame', 'content_block_stop'],
    ['frame', 'content_block_start'],
    ['delta', 'content_block_delta'],
    ['frame', 'content_block_delta'],
    ['frame', 'content_block_stop'],
    ['end', 'message_delta'],
    ['frame', 'message_stop'],
  ])
  expect(frames.map(data)).toMatchObject([
    { message: { id: 'msg_go_0_0_1', role: 'assistant', content: [], stop_reason: null } },
    {},
    { index: 0, content_block: { type: 'thinking', thinking: '' } },
    { index: 0, delta: { type: 'thinking_delta', thinking: 'Hm.' } },
    { index: 0, delta: { type: 'signature_delta', signature: 'offline:go_0_0_1' } },
    { index: 0 },
    { index: 1, content_block: { type: 'text', text: '' } },
    { index: 1, delta: { type: 'text_delta', text: 'Hello ' } },
    { index: 1, delta: { type: 'text_delta', text: '"you"\n' } },
    { index: 1 },
    { index: 2, content_block: { type: 'tool_use', id: 'call_go_0_0_1_0', name: 'Bash', input: {} } },
    { index: 2, delta: { type: 'input_json_delta', partial_json: '{"comman' } },
    { index: 2, delta: { type: 'input_json_delta', partial_json: 'd":"ls"}' } },
    { index: 2 },
    { delta: { stop_reason: 'tool_use', stop_sequence: null } },
    {},
  ])
})

test('the same leg is the same bytes, and the same message when it is not streamed', () => {
  const leg: LegInput = { reasoning: 'Hm.', text: 'Hello', tools: [{ tool: 'read', path: 'a.txt' }] }
  expect(render(leg).map(wire)).toEqual(render(leg).map(wire))
  expect(messages.renderWhole?.(toReplyOf(leg))).toMatchObject({
    id: 'msg_go_0_0_1',
    content: [
      { type: 'thinking', thinking: 'Hm.', signature: 'offline:go_0_0_1' },
      { type: 'text', text: 'Hello' },
      { type: 'tool_use', id: 'call_go_0_0_1_0', name: 'Read', input: { file_path: 'a.txt' } },
    ],
    stop_reason: 'tool_use',
  })
})

test('the input of a tool comes in two pieces that cut no character', () => {
  const pieces = render({ tools: [{ tool: 'native', name: 'x', input_text: 'ab🚀cd' }] })
    .map(data)
    .flatMap((event) => JSON.stringify(event).match(/"partial_json":"(.*?)"/)?.[1] ?? [])
  expect(pieces).toEqual(['ab🚀', 'cd'])
})

test('cached input is counted apart from the rest of it', () => {
  const usage = { input_tokens: 10, cached_input_tokens: 4, output_tokens: 3, reasoning_tokens: 1 }
  const told = { input_tokens: 6, cache_read_input_tokens: 4, cache_creation_input_tokens: 0 }
  const events = render({ text: 'Hi', usage }).map(data)
  expect(events.at(0)).toMatchObject({ message: { usage: told } })
  expect(events.at(-2)).toMatchObject({ delta: { stop_reason: 'end_turn' }, usage: { ...told, output_tokens: 3 } })
})

const start = (leg: LegInput): Promise<OfflineModel> => startOfflineModel({ scenarios: [{ name: 'go', prompt: 'Go', legs: [leg] }] })
const ask = (model: OfflineModel, more: object = {}, suffix = ''): Promise<Response> =>
  fetch(`${model.url}${path}${suffix}`, {
    method: 'POST',
    body: JSON.stringify({ model: 'm', max_tokens: 9, stream: true, messages: [user('Go')], ...more }),
  })
const eventNames = (stream: string): string[] => [...stream.matchAll(/^event: (.*)$/gm)].map(([, name]) => name ?? '')

test.each([
  [400, 'invalid_request_error'],
  [401, 'authentication_error'],
  [403, 'permission_error'],
  [404, 'not_found_error'],
  [413, 'request_too_large'],
  [422, 'invalid_request_error'],
  [429, 'rate_limit_error'],
  [500, 'api_error'],
  [529, 'overloaded_error'],
])('status %i is the error the API has for it', async (status, type) => {
  await using model = await start({ fault: { kind: 'status', status } })
  const response = await ask(model)
  expect([response.status, await response.json()]).toEqual([
    status,
    { type: 'error', error: { type, message: `scenario fault ${status}` } },
  ])
})

test('a stream that fails ends with an error, also if nothing was said', async () => {
  const fault = { kind: 'failed', code: 'overloaded_error', message: 'sorry' } as const
  await using model = await start({ text: 'abcd', chunk_size: 2, fault: { ...fault, after_chunks: 1 } })
  const stream = await (await ask(model)).text()
  expect(eventNames(stream)).toEqual(['message_start', 'ping', 'content_block_start', 'content_block_delta', 'error'])
  expect(stream).toContain('{"type":"error","error":{"type":"overloaded_error","message":"sorry"}}')
  model.setScenarios({ scenarios: [{ name: 'go', prompt: 'Go', legs: [{ fault }] }] })
  expect(eventNames(await (await ask(model)).text())).toEqual(['message_start', 'error'])
})

test('connections break and hang as they do for every API', async () => {
  await using model = await start({ text: 'abcd', chunk_size: 2, fault: { kind: 'drop', after_chunks: 1 } })
  await expect((await ask(model)).text()).rejects.toThrow()
  model.setScenarios({ scenarios: [{ name: 'go', prompt: 'Go', legs: [{ fault: { kind: 'refuse' } }] }] })
  await expect(ask(model)).rejects.toThrow()
  model.setScenarios({ scenarios: [{ name: 'go', prompt: 'Go', legs: [{ fault: { kind: 'hang' } }] }] })
  const hanging = await ask(model)
  await hanging.body?.cancel()
  await model.journal.waitFor(({ seq, outcome }) => seq === 3 && outcome === 'faulted')
})

test('an answer that is not streamed comes whole, or its fault instead', async () => {
  await using model = await start({ text: 'abcd', fault: { kind: 'failed', code: 'x', message: 'sorry', times: 1 } })
  const failed = await ask(model, { stream: false })
  expect([failed.status, await failed.json()]).toEqual([500, { type: 'error', error: { type: 'api_error', message: 'sorry' } }])
  const whole = await ask(model, { stream: false })
  expect(whole.headers.get('content-type')).toBe('application/json')
  expect(await whole.json()).toMatchObject({ type: 'message', content: [{ type: 'text', text: 'abcd' }], stop_reason: 'end_turn' })
})

test('tokens are counted beside the conversation', async () => {
  await using model = await start({ text: 'abcd' })
  const counted = await ask(model, { messages: [user('Go on and count')] }, '/count_tokens')
  expect(await counted.json()).toEqual({ input_tokens: 4 })
  expect(eventNames(await (await ask(model)).text())).toContain('message_stop')
  expect(model.journal.entries.map(({ scenario, side, attempt }) => [scenario, side, attempt])).toEqual([
    [null, true, 1],
    ['go', false, 1],
  ])
})
