import { expect, test } from 'vitest'
import type { Conversation } from './conversation.ts'
import { RequestError } from './dialect.ts'
import type { Frame } from './dialect.ts'
import { generateContent } from './generate-content.ts'
import { startOfflineModel } from './offline-model.ts'
import type { OfflineModel } from './offline-model.ts'
import { toReply } from './reply.ts'
import type { Reply } from './reply.ts'
import { parseScenarios } from './scenario.ts'
import type { ScenarioFileInput } from './scenario.ts'
import { select } from './selection.ts'
import { isSideCall } from './side-call.ts'

const STREAM = '/v1beta/models/gemini-2.5-flash:streamGenerateContent'
const tools = [{ functionDeclarations: ['run_shell_command', 'read_file', 'replace', 'write_file'].map((name) => ({ name })) }]
const context = '<session_context>\n- **Workspace Directories:**\n  - /place/here\n- **Directory Structure:**\n</session_context>'
const go = { role: 'user', parts: [{ text: context }, { text: 'Go' }] }

const read = (body: object = {}, path = STREAM): Conversation => generateContent.read({ contents: [go], tools, ...body }, {}, path)

test('a request becomes a conversation', () => {
  const { items, cwd, model, id } = read({
    systemInstruction: { role: 'user', parts: [{ text: 'Be nice.' }] },
    contents: [
      { role: 'user', parts: [{ text: context }, { inlineData: { mimeType: 'image/png', data: 'AA==' } }, { text: 'Go' }] },
      {
        role: 'model',
        parts: [
          { text: 'Hm.', thought: true },
          { text: 'Going.' },
          { functionCall: { id: 'a', name: 'run_shell_command', args: { command: 'ls' } }, thoughtSignature: 'x' },
          { functionCall: { name: 'list_directory' } },
        ],
      },
      {
        role: 'user',
        parts: [
          { functionResponse: { id: 'a', name: 'run_shell_command', response: { output: 'made' } } },
          { functionResponse: { name: 'list_directory', response: { error: 'refused' } } },
          { functionResponse: { id: 'c', name: 'note', response: { n: 1 } } },
        ],
      },
    ],
  })
  expect(items).toEqual([
    { kind: 'system', text: 'Be nice.' },
    { kind: 'user', text: context },
    { kind: 'user', text: 'Go' },
    { kind: 'reasoning', text: 'Hm.' },
    { kind: 'assistant', text: 'Going.' },
    { kind: 'tool_call', id: 'a', name: 'run_shell_command', input: { command: 'ls' } },
    { kind: 'tool_call', id: 'list_directory', name: 'list_directory', input: {} },
    { kind: 'tool_output', id: 'a', text: 'made' },
    { kind: 'tool_output', id: 'list_directory', text: 'refused' },
    { kind: 'tool_output', id: 'c', text: '{"n":1}' },
  ])
  expect([cwd, model, id]).toEqual(['/place/here', 'gemini-2.5-flash', null])
})

test('the path says what the agent waits for', () => {
  const wants = (method: string): string => read({}, `/v1beta/models/m:${method}`).wants
  expect(['streamGenerateContent', 'generateContent', 'countTokens'].map(wants)).toEqual(['stream', 'whole', 'token_count'])
  expect(generateContent.accepts('POST', STREAM)).toBe(true)
  expect(generateContent.accepts('GET', STREAM)).toBe(false)
  expect(generateContent.accepts('POST', '/v1beta/models/m:embedContent')).toBe(false)
})

test('what the agent offers, and the form it wants, are read', () => {
  expect(read()).toMatchObject({ tools: ['run_shell_command', 'read_file', 'replace', 'write_file'], answerSchema: null })
  const schema = { type: 'OBJECT' }
  const asks = [{ responseJsonSchema: schema }, { responseSchema: schema }, { responseMimeType: 'application/json' }]
  const sides = asks.map((generationConfig) => read({ tools: undefined, generationConfig }))
  expect(sides.map(({ answerSchema }) => answerSchema)).toEqual([schema, schema, { type: 'object' }])
  expect(sides.map(isSideCall)).toEqual([true, true, true])
})

test('a body without contents is refused', () => {
  expect(() => generateContent.read({ model: 'm' }, {}, STREAM)).toThrow(RequestError)
})

type LegInput = ScenarioFileInput['scenarios'][number]['legs'][number]
const toReplyOf = (leg: LegInput): Reply => {
  const conversation = read()
  const file = parseScenarios({ scenarios: [{ name: 'go', prompt: 'Go', legs: [leg] }] })
  return toReply(conversation, select(conversation, file), 1, generateContent.mainAgent)
}
const render = (leg: LegInput): Frame[] => [...generateContent.render(toReplyOf(leg))]
const data = ({ wire }: Frame): unknown => JSON.parse(/^data: (.*)\n\n$/.exec(typeof wire === 'string' ? wire : '')?.[1] ?? '')
const usage: LegInput['usage'] = { input_tokens: 9, cached_input_tokens: 4, output_tokens: 5, reasoning_tokens: 2 }
const usageMetadata = {
  promptTokenCount: 9,
  cachedContentTokenCount: 4,
  candidatesTokenCount: 3,
  thoughtsTokenCount: 2,
  totalTokenCount: 14,
}
const leg: LegInput = {
  reasoning: 'Hm, I see.',
  text: 'Hello "you"\n',
  chunk_size: 6,
  usage,
  tools: [
    { tool: 'read', path: 'a.txt' },
    { tool: 'native', name: 'note', input_text: 'freeform' },
  ],
}
const readCall = { functionCall: { id: 'call_go_0_0_1_0', name: 'read_file', args: { file_path: '/place/here/a.txt' } } }
const noteCall = { functionCall: { id: 'call_go_0_0_1_1', name: 'note', args: { input: 'freeform' } } }

test('a leg is a stream of responses, with the usage in the last', () => {
  const said = (part: object): object => ({
    candidates: [{ content: { role: 'model', parts: [part] }, index: 0 }],
    modelVersion: 'gemini-2.5-flash',
    responseId: 'go_0_0_1',
  })
  expect(render(leg).map((frame) => [frame.kind, data(frame)])).toEqual([
    ['delta', said({ text: 'Hm, I see.', thought: true })],
    ['delta', said({ text: 'Hello ' })],
    ['delta', said({ text: '"you"\n' })],
    ['delta', said(readCall)],
    ['delta', said(noteCall)],
    [
      'end',
      {
        ...said({}),
        candidates: [{ content: { role: 'model', parts: [{ text: '' }] }, index: 0, finishReason: 'STOP' }],
        usageMetadata,
      },
    ],
  ])
})

test('the same leg is the same bytes', () => {
  expect(render(leg)).toEqual(render(leg))
})

test('the same leg can be had whole', () => {
  expect(generateContent.renderWhole?.(toReplyOf(leg))).toEqual({
    candidates: [
      {
        content: { role: 'model', parts: [{ text: 'Hm, I see.', thought: true }, { text: 'Hello "you"\n' }, readCall, noteCall] },
        index: 0,
        finishReason: 'STOP',
      },
    ],
    modelVersion: 'gemini-2.5-flash',
    responseId: 'go_0_0_1',
    usageMetadata,
  })
})

const start = (...legs: LegInput[]): Promise<OfflineModel> => startOfflineModel({ scenarios: [{ name: 'go', prompt: 'Go', legs }] })
const ask = (model: OfflineModel, path = `${STREAM}?alt=sse`, body: object = {}): Promise<Response> =>
  fetch(`${model.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ contents: [go], tools, ...body }),
  })

test('the server streams it, sends it whole, and counts', async () => {
  await using model = await start({ text: 'abcd', chunk_size: 2 })
  const streamed = await ask(model)
  expect(streamed.headers.get('content-type')).toBe('text/event-stream')
  expect([...(await streamed.text()).matchAll(/"text":"(\w+)"/g)].map(([, text]) => text)).toEqual(['ab', 'cd'])
  const whole = await ask(model, '/v1beta/models/m:generateContent')
  expect(await whole.json()).toMatchObject({ candidates: [{ content: { parts: [{ text: 'abcd' }] } }] })
  const counted = await ask(model, '/v1beta/models/m:countTokens')
  expect(await counted.json()).toEqual({ totalTokens: 1 })
  expect(model.journal.entries.map(({ side }) => side)).toEqual([false, false, true])
})

test.for([
  [400, 'INVALID_ARGUMENT'],
  [401, 'UNAUTHENTICATED'],
  [403, 'PERMISSION_DENIED'],
  [418, 'FAILED_PRECONDITION'],
  [429, 'RESOURCE_EXHAUSTED'],
  [500, 'INTERNAL'],
  [503, 'UNAVAILABLE'],
  [599, 'UNKNOWN'],
] as const)('status %i is called %s', async ([code, status]) => {
  await using model = await start({ fault: { kind: 'status', status: code } })
  const response = await ask(model)
  expect(response.status).toBe(code)
  expect(await response.json()).toEqual({ error: { code, message: `scenario fault ${code}`, status } })
})

test.for([
  ['UNAVAILABLE', 503, 'UNAVAILABLE'],
  ['rate_limit_exceeded', 429, 'RESOURCE_EXHAUSTED'],
  ['context_length_exceeded', 400, 'INVALID_ARGUMENT'],
  ['anything', 500, 'INTERNAL'],
] as const)('failure %s in the stream is an error without an event', async ([named, code, status]) => {
  await using model = await start({
    text: 'abcd',
    chunk_size: 2,
    fault: { kind: 'failed', code: named, message: 'sorry', after_chunks: 1 },
  })
  const [first = '', failure = ''] = (await (await ask(model)).text()).split('\n\n')
  expect(first).toContain('"text":"ab"')
  expect(JSON.parse(failure)).toEqual({ error: { code, message: 'sorry', status } })
})
