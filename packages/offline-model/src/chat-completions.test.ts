import { expect, test } from 'vitest'
import { chatCompletions } from './chat-completions.ts'
import type { Conversation } from './conversation.ts'
import { RequestError } from './dialect.ts'
import type { Frame } from './dialect.ts'
import { startOfflineModel } from './offline-model.ts'
import type { OfflineModel } from './offline-model.ts'
import { toReply } from './reply.ts'
import type { Reply } from './reply.ts'
import { parseScenarios } from './scenario.ts'
import type { ScenarioFileInput } from './scenario.ts'
import { select } from './selection.ts'
import { isSideCall } from './side-call.ts'

const openCodeTools = ['bash', 'edit', 'read', 'todowrite', 'write'].map((name) => ({ type: 'function', function: { name } }))
const go = { role: 'user', content: 'Go' }

const read = (body: object, headers = {}): Conversation =>
  chatCompletions.read({ model: 'm', stream: true, messages: [go], ...body }, headers, '/v1/chat/completions')

test('a request becomes a conversation', () => {
  const { items, cwd } = read({
    messages: [
      { role: 'system', content: 'Be nice.\nWorking directory: /place/here\n' },
      {
        role: 'user',
        content: [
          { type: 'text', text: '<system-reminder/>' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } },
          { type: 'text', text: 'Go' },
        ],
      },
      {
        role: 'assistant',
        content: 'Going.',
        reasoning_content: 'Hm.',
        reasoning: 'Hm.',
        tool_calls: [
          { id: 'a', type: 'function', function: { name: 'bash', arguments: '{"command":"ls"}' } },
          { id: 'b', type: 'function', function: { name: 'note', arguments: '{"n":' } },
        ],
      },
      { role: 'tool', tool_call_id: 'a', content: 'made' },
      { role: 'tool', tool_call_id: 'b', content: [{ type: 'text', text: 'broken' }] },
      { role: 'assistant', content: null, reasoning: 'So.' },
    ],
  })
  expect(items).toEqual([
    { kind: 'system', text: 'Be nice.\nWorking directory: /place/here\n' },
    { kind: 'user', text: '<system-reminder/>' },
    { kind: 'user', text: 'Go' },
    { kind: 'reasoning', text: 'Hm.' },
    { kind: 'assistant', text: 'Going.' },
    { kind: 'tool_call', id: 'a', name: 'bash', input: { command: 'ls' } },
    { kind: 'tool_call', id: 'b', name: 'note', input: '{"n":' },
    { kind: 'tool_output', id: 'a', text: 'made' },
    { kind: 'tool_output', id: 'b', text: 'broken' },
    { kind: 'reasoning', text: 'So.' },
  ])
  expect(cwd).toBe('/place/here')
})

test('a header or a key names the conversation, if anything does', () => {
  expect(read({}).id).toBe(null)
  expect(read({ prompt_cache_key: 'cache' }).id).toBe('cache')
  expect(read({ prompt_cache_key: 'cache' }, { 'x-session-id': 'session' }).id).toBe('session')
})

test('what the agent offers and waits for is read', () => {
  expect(read({ tools: openCodeTools })).toMatchObject({
    wants: 'stream',
    tools: ['bash', 'edit', 'read', 'todowrite', 'write'],
    answerSchema: null,
  })
  expect(read({ stream: false }).wants).toBe('whole')
  expect(read({ stream: undefined }).wants).toBe('whole')
  const schema = { type: 'object', properties: {} }
  expect(read({ response_format: { type: 'json_schema', json_schema: { name: 'x', schema } } }).answerSchema).toEqual(schema)
  expect(read({ response_format: { type: 'json_object' } }).answerSchema).toEqual({ type: 'object' })
  expect(read({ response_format: { type: 'text' } }).answerSchema).toBe(null)
})

test("Qwen Code's form is a side call, although it is offered as a tool", () => {
  const form = { type: 'function', function: { name: 'respond_in_schema', parameters: { type: 'object' } } }
  const side = read({ stream: false, tools: [form] })
  expect(side).toMatchObject({ tools: [], answerSchema: { type: 'object' } })
  expect(isSideCall(side)).toBe(true)
  expect(isSideCall(read({ tools: [form, ...openCodeTools] }))).toBe(false)
})

test('a body without messages is refused', () => {
  expect(() => chatCompletions.read({ model: 'm', stream: true, input: 'Go' }, {}, '/v1/chat/completions')).toThrow(RequestError)
})

type LegInput = ScenarioFileInput['scenarios'][number]['legs'][number]
const toReplyOf = (leg: LegInput): Reply => {
  const conversation = read({ tools: openCodeTools })
  const file = parseScenarios({ scenarios: [{ name: 'go', prompt: 'Go', legs: [leg] }] })
  return toReply(conversation, select(conversation, file), 1, chatCompletions.mainAgent)
}
const render = (leg: LegInput): Frame[] => [...chatCompletions.render(toReplyOf(leg))]
const data = ({ wire }: Frame): unknown => JSON.parse(/^data: (.*)\n\n$/.exec(typeof wire === 'string' ? wire : '')?.[1] ?? '')
const usage: LegInput['usage'] = { input_tokens: 9, cached_input_tokens: 4, output_tokens: 5, reasoning_tokens: 2 }
const wireUsage = {
  prompt_tokens: 9,
  completion_tokens: 5,
  total_tokens: 14,
  prompt_tokens_details: { cached_tokens: 4 },
  completion_tokens_details: { reasoning_tokens: 2 },
}
const leg: LegInput = {
  reasoning: 'Hm.',
  text: 'Hello "you"\n',
  chunk_size: 6,
  usage,
  tools: [
    { tool: 'shell', command: 'ls' },
    { tool: 'native', name: 'note', input_text: '{"n":' },
  ],
}

test('a leg is a stream of chunks, with the usage at its end', () => {
  const frames = render(leg)
  const choice = (delta: object, finish_reason: string | null = null): object => ({ choices: [{ index: 0, delta, finish_reason }] })
  const called = (index: number, name: string): object =>
    choice({ tool_calls: [{ index, id: `call_go_0_0_1_${index}`, type: 'function', function: { name, arguments: '' } }] })
  const argued = (index: number, input: string): object => choice({ tool_calls: [{ index, function: { arguments: input } }] })
  expect(frames.slice(0, -1).map((frame) => [frame.kind, data(frame)])).toMatchObject([
    ['frame', { id: 'chatcmpl-go_0_0_1', object: 'chat.completion.chunk', model: 'm', ...choice({ role: 'assistant' }) }],
    ['delta', choice({ reasoning_content: 'Hm.' })],
    ['delta', choice({ content: 'Hello ' })],
    ['delta', choice({ content: '"you"\n' })],
    ['frame', called(0, 'bash')],
    ['delta', argued(0, '{"command":"ls"}')],
    ['frame', called(1, 'note')],
    ['delta', argued(1, '{"n":')],
    ['end', choice({}, 'tool_calls')],
    ['frame', { choices: [], usage: wireUsage }],
  ])
  expect(frames.at(-1)).toEqual({ kind: 'frame', wire: 'data: [DONE]\n\n' })
})

test('a leg without tools stops', () => {
  expect(render({ text: 'Hi' }).flatMap((frame) => (frame.kind === 'end' ? [data(frame)] : []))).toMatchObject([
    { choices: [{ delta: {}, finish_reason: 'stop' }] },
  ])
})

test('the same leg is the same bytes', () => {
  expect(render(leg)).toEqual(render(leg))
})

test('the same leg can be had whole', () => {
  expect(chatCompletions.renderWhole?.(toReplyOf(leg))).toMatchObject({
    id: 'chatcmpl-go_0_0_1',
    object: 'chat.completion',
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: 'Hello "you"\n',
          reasoning_content: 'Hm.',
          tool_calls: [
            { id: 'call_go_0_0_1_0', type: 'function', function: { name: 'bash', arguments: '{"command":"ls"}' } },
            { id: 'call_go_0_0_1_1', type: 'function', function: { name: 'note', arguments: '{"n":' } },
          ],
        },
        finish_reason: 'tool_calls',
      },
    ],
    usage: wireUsage,
  })
  expect(chatCompletions.renderWhole?.(toReplyOf({ text: 'Hi' }))).toMatchObject({
    choices: [{ message: { content: 'Hi' }, finish_reason: 'stop' }],
  })
})

const start = (...legs: LegInput[]): Promise<OfflineModel> => startOfflineModel({ scenarios: [{ name: 'go', prompt: 'Go', legs }] })
const ask = (model: OfflineModel, body: object = {}, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${model.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ model: 'm', stream: true, messages: [go], tools: openCodeTools, ...body }),
  })
const contents = (wire: string): unknown[] => [...wire.matchAll(/"delta":\{"content":"([^"]+)"\}/g)].map(([, text]) => text)

test('the server streams it or sends it whole', async () => {
  await using model = await start({ text: 'abcd', chunk_size: 2 })
  const streamed = await ask(model)
  expect(streamed.headers.get('content-type')).toBe('text/event-stream')
  const wire = await streamed.text()
  expect(contents(wire)).toEqual(['ab', 'cd'])
  expect(wire.endsWith('data: [DONE]\n\n')).toBe(true)
  expect(await (await ask(model, { stream: false })).json()).toMatchObject({ choices: [{ message: { content: 'abcd' } }] })
})

test.for([
  [401, { type: 'invalid_request_error', code: 'invalid_api_key' }],
  [400, { type: 'invalid_request_error', code: null }],
  [429, { type: 'requests', code: 'rate_limit_exceeded' }],
  [503, { type: 'server_error', code: null }],
] as const)('status %i has the error of the API', async ([status, error]) => {
  await using model = await start({ fault: { kind: 'status', status } })
  const response = await ask(model)
  expect(response.status).toBe(status)
  expect(await response.json()).toEqual({ error: { message: `scenario fault ${status}`, param: null, ...error } })
})

test('a failure in the stream is an error object, and no end follows', async () => {
  await using model = await start({
    text: 'abcd',
    chunk_size: 2,
    fault: { kind: 'failed', code: 'server_error', message: 'sorry', after_chunks: 1 },
  })
  const wire = await (await ask(model)).text()
  expect(contents(wire)).toEqual(['ab'])
  expect(wire.split('\n\n').at(-2)).toBe('data: {"error":{"message":"sorry","type":"server_error","param":null,"code":"server_error"}}')
})

test('two conversations at once have their own attempts, named or told apart by where they work', async () => {
  await using model = await start({ text: 'Hi', fault: { kind: 'status', status: 503, times: 1 } })
  const statuses = async (asks: readonly (() => Promise<Response>)[]): Promise<number[]> =>
    (await Promise.all(asks.map((each) => each()))).map(({ status }) => status)
  const named = ['one', 'two'].map((id) => () => ask(model, {}, { 'x-session-id': id }))
  const placed = ['one', 'two'].map(
    (place) => () => ask(model, { messages: [{ role: 'system', content: `Working directory: /place/${place}` }, go] }),
  )
  expect(await statuses([...named, ...placed])).toEqual([503, 503, 503, 503])
  expect(await statuses([...named, ...placed])).toEqual([200, 200, 200, 200])
})
