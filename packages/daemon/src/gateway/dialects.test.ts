import { startOfflineModel, type OfflineModel } from '@codesdkd/offline-model'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Dialect } from '../core/enclosure.ts'
import { ask, canary, openStage, showing, type Stage } from './testing/stage.ts'

const usage = { input_tokens: 1200, cached_input_tokens: 1000, output_tokens: 77, reasoning_tokens: 33 }
const hello = {
  scenarios: [{ name: 'hello', prompt: 'hello', legs: [{ reasoning: 'Hm, é.', text: 'Said in pieces.', chunk_size: 3, usage }] }],
}
let model: OfflineModel
let stage: Stage

beforeAll(async () => {
  model = await startOfflineModel(hello)
  stage = await openStage()
})
afterAll(async () => {
  await stage[Symbol.asyncDispose]()
  await model[Symbol.asyncDispose]()
})

interface Spoken {
  readonly dialect: Dialect
  readonly path: string
  readonly body: object
  readonly base?: string
  /** Where the request does not name the model, as in its path. */
  readonly model?: string
}

const user = { role: 'user', content: 'hello' }
const contents = [{ role: 'user', parts: [{ text: 'hello' }] }]
const spoken: readonly Spoken[] = [
  { dialect: 'messages', path: '/v1/messages?beta=true', body: { model: 'm', stream: true, messages: [user] } },
  { dialect: 'messages', path: '/v1/messages', body: { messages: [user], model: 'm' } },
  { dialect: 'responses', base: '/v1', path: '/responses', body: { model: 'm', stream: true, input: [user] } },
  { dialect: 'chat_completions', base: '/v1', path: '/chat/completions', body: { model: 'm', stream: true, messages: [user] } },
  { dialect: 'chat_completions', base: '/v1/', path: '/chat/completions', body: { model: 'm', messages: [user] } },
  { dialect: 'generate_content', path: '/v1beta/models/m:streamGenerateContent?alt=sse', body: { contents } },
  { dialect: 'generate_content', path: '/v1beta/models/m:generateContent', body: { contents } },
]

test.each(spoken)('$dialect $path: the same answer as without a gateway, the key at the endpoint alone, the tokens told', async (said) => {
  const { dialect, path, base = '', body } = said
  const name = `r${stage.calls.length}`
  const passage = stage.open({ name, dialect, upstream: `${model.url}${base}`, credential: { kind: 'key', secret: canary } })
  const sent = {
    headers: { 'content-type': 'application/json', 'x-session-id': 'direct', ...showing(passage) },
    body: JSON.stringify(body),
  }
  // An answer has the count of attempts in its ids; this begins it anew.
  model.setScenarios(hello)
  const direct = await ask(`${model.url}${base.replace(/\/$/, '')}${path}`, sent)
  model.setScenarios(hello)
  const answer = await ask(`${passage.url}${path}`, sent)
  expect([answer.status, answer.headers['content-type']]).toEqual([200, direct.headers['content-type']])
  expect(answer.body.toString()).toBe(direct.body.toString())
  const entry = model.journal.entries.at(-1)
  expect(entry && model.journal.carries(entry, canary)).toBe(true)
  const call = { id: expect.any(String) as unknown, route: name, model: 'm' }
  expect(stage.calls.filter(({ route }) => route === name)).toEqual([
    { phase: 'started', ...call },
    {
      phase: 'completed',
      ...call,
      durationMs: expect.any(Number) as unknown,
      firstByteMs: expect.any(Number) as unknown,
      status: 200,
      usage,
      failure: null,
    },
  ])
})

test('counting tokens is no call of the model', async () => {
  const before = stage.calls.length
  const passage = stage.open({ name: 'counting', upstream: model.url })
  const body = JSON.stringify({ model: 'm', messages: [user] })
  expect((await ask(`${passage.url}/v1/messages/count_tokens`, { headers: showing(passage), body })).status).toBe(200)
  expect(stage.calls).toHaveLength(before)
})

test('an answer that is broken off tells the tokens that it told so far', async () => {
  model.setScenarios({
    scenarios: [
      { name: 'cut', prompt: 'hello', legs: [{ text: 'Cut off.', usage, chunk_size: 2, fault: { kind: 'drop', after_chunks: 2 } }] },
    ],
  })
  const passage = stage.open({ name: 'cut', upstream: model.url })
  const body = JSON.stringify({ model: 'm', stream: true, messages: [user] })
  await expect(ask(`${passage.url}/v1/messages`, { headers: showing(passage), body })).rejects.toThrow('aborted')
  expect(stage.calls.at(-1)).toMatchObject({ failure: { kind: 'interrupted' }, usage: { input_tokens: 1200, output_tokens: 1 } })
})
