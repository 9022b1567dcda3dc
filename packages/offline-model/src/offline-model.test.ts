import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { startOfflineModel } from './offline-model.ts'
import type { OfflineModel, OfflineModelOptions } from './offline-model.ts'
import { ScenarioError } from './scenario.ts'

type LegInput = OfflineModelOptions['scenarios'][number]['legs'][number]
const start = (legs: LegInput[], options: Partial<OfflineModelOptions> = {}): Promise<OfflineModel> =>
  startOfflineModel({ scenarios: [{ name: 'go', prompt: 'Go', legs }], now: () => 1_000, ...options })
const post = (model: OfflineModel, body: unknown, init: RequestInit = {}): Promise<Response> =>
  fetch(`${model.url}/v1/responses`, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body), ...init })
const ask = (model: OfflineModel, init: RequestInit = {}): Promise<Response> => post(model, { model: 'm', stream: true, input: 'Go' }, init)
const deltas = (wire: string): string[] =>
  [...wire.matchAll(/"type":"response.output_text.delta".*?"delta":"(.*?)"}/g)].map(([, delta]) => delta ?? '')
const last = (wire: string): string | undefined => [...wire.matchAll(/^event: (.*)$/gm)].at(-1)?.[1]
/** Reads until the text appears; the stream stays open. */
async function readUntil(response: Response, wanted: string): Promise<string> {
  const decoder = new TextDecoder()
  const reader = response.body?.getReader()
  let wire = ''
  if (reader === undefined) throw new Error('the response has no body')
  while (!wire.includes(wanted)) wire += decoder.decode((await reader.read()).value, { stream: true })
  reader.releaseLock()
  return wire
}

test('a text streams and the journal remembers the request', async () => {
  await using model = await start([{ text: 'Hello there', chunk_size: 6 }])
  const response = await ask(model, { headers: { authorization: 'Bearer secret', 'thread-id': 't1' } })
  expect(response.headers.get('content-type')).toBe('text/event-stream')
  const wire = await response.text()
  expect([deltas(wire), last(wire)]).toEqual([['Hello ', 'there'], 'response.completed'])
  const entry = await model.journal.waitFor(({ outcome }) => outcome === 'completed')
  expect(entry).toMatchObject({
    seq: 1,
    at: 1_000,
    dialect: 'responses',
    path: '/v1/responses',
    scenario: 'go',
    leg: 0,
    attempt: 1,
    body: { input: 'Go' },
  })
  expect(entry.conversation).toMatchObject({ id: 't1', model: 'm', items: [{ kind: 'user', text: 'Go' }] })
  expect(model.journal.carries(entry, 'secret')).toBe(true)
  const served: unknown = await (await fetch(`${model.url}/journal`)).json()
  expect(served).toEqual({ entries: [{ ...entry }] })
  expect(JSON.stringify(served)).not.toContain('secret')
})

test('a status fault ends after its times, per conversation', async () => {
  await using model = await start([
    { text: 'Fine', fault: { kind: 'status', status: 429, body: { slow: 'down' }, headers: { 'retry-after': '7' }, times: 1 } },
  ])
  const refused = await ask(model, { headers: { 'thread-id': 'a' } })
  expect([refused.status, refused.headers.get('retry-after'), await refused.json()]).toEqual([429, '7', { slow: 'down' }])
  expect((await ask(model, { headers: { 'thread-id': 'b' } })).status).toBe(429)
  expect(deltas(await (await ask(model, { headers: { 'thread-id': 'a' } })).text())).toEqual(['Fine'])
  expect(model.journal.entries.map(({ attempt, outcome }) => [attempt, outcome])).toEqual([
    [1, 'faulted'],
    [1, 'faulted'],
    [2, 'completed'],
  ])
})

test('refuse and drop break the connection', async () => {
  await using model = await start([{ fault: { kind: 'refuse' } }])
  await expect(ask(model)).rejects.toThrow()
  model.setScenarios({
    scenarios: [{ name: 'go', prompt: 'Go', legs: [{ text: 'abcdef', chunk_size: 2, fault: { kind: 'drop', after_chunks: 2 } }] }],
  })
  const response = await ask(model)
  expect(deltas(await readUntil(response, '"cd"'))).toEqual(['ab', 'cd'])
  await expect(response.text()).rejects.toThrow()
})

test('a fault happens even if the answer is shorter', async () => {
  await using model = await start([{ text: 'ab', fault: { kind: 'failed', code: 'server_error', message: 'sorry', after_chunks: 9 } }])
  const wire = await (await ask(model)).text()
  expect([deltas(wire), last(wire)]).toEqual([['ab'], 'response.failed'])
  expect(wire).toContain('"error":{"code":"server_error","message":"sorry"}')
})

test('hang keeps the stream open until the agent leaves', async () => {
  await using model = await start([{ text: 'abcd', chunk_size: 2, fault: { kind: 'hang', after_chunks: 1 } }])
  const agent = new AbortController()
  await readUntil(await ask(model, { signal: agent.signal }), '"ab"')
  expect(model.journal.entries[0]?.outcome).toBe('playing')
  agent.abort()
  await model.journal.waitFor(({ outcome }) => outcome === 'faulted')
})

test('an agent that leaves ends the playback at once', { timeout: 5_000 }, async () => {
  await using model = await start([{ text: 'abcd', chunk_size: 2, delay_ms: 60_000 }])
  const agent = new AbortController()
  await readUntil(await ask(model, { signal: agent.signal }), 'response.created')
  agent.abort()
  await model.journal.waitFor(({ outcome }) => outcome === 'aborted')
})

test('disposing the model ends streams and waiters', { timeout: 5_000 }, async () => {
  const model = await start([{ fault: { kind: 'hang' } }])
  const response = await ask(model)
  const waiter = model.journal.waitFor(() => false)
  const stopped = expect(waiter).rejects.toThrow('stopped')
  await model[Symbol.asyncDispose]()
  await stopped
  await expect(response.text()).rejects.toThrow()
  await model[Symbol.asyncDispose]()
})

test('a large answer waits for its reader', { timeout: 30_000 }, async () => {
  const times = 100_000
  await using model = await start([{ text_repeat: { text: 'x'.repeat(1_000), times } }])
  const before = process.memoryUsage().rss
  const response = await ask(model)
  await sleep(200)
  expect(model.journal.entries[0]?.outcome).toBe('playing')
  expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024)
  let bytes = 0
  for await (const chunk of response.body ?? []) bytes += chunk.length
  expect(bytes).toBeGreaterThan(2 * 1_000 * times)
})

test('what is no request of a dialect is answered with an error', async () => {
  await using model = await start([{ text: 'x' }])
  expect(await (await fetch(`${model.url}/healthz`)).json()).toEqual({ status: 'ok' })
  const unknown = await fetch(`${model.url}/v1/models`)
  expect([unknown.status, await unknown.json()]).toEqual([
    404,
    { error: { message: 'no dialect answers GET /v1/models', type: 'offline_model' } },
  ])
  expect((await post(model, 'not json')).status).toBe(400)
  expect((await post(model, { model: 'm', input: 'Go' })).status).toBe(400)
  expect((await post(model, ' '.repeat(64 * 1024 * 1024 + 1))).status).toBe(413)
  expect(model.journal.entries).toEqual([])
})

test('a foreign Host is refused', async () => {
  await using model = await start([{ text: 'x' }])
  const socket = connect(model.port, '127.0.0.1')
  socket.end('GET /journal HTTP/1.1\r\nHost: rebound.example\r\nConnection: close\r\n\r\n')
  const answer = (await socket.setEncoding('utf8').toArray()).join('')
  expect(answer).toMatch(/^HTTP\/1.1 403 /)
})

test('scenarios can be replaced, but only by valid ones', async () => {
  await using model = await start([{ text: 'x' }])
  expect(() => model.setScenarios({ scenarios: [{ name: 'a', prompt: 'b', legs: [] }] })).toThrow(ScenarioError)
  model.setScenarios({ scenarios: [] })
  expect(deltas(await (await ask(model)).text())).toEqual(['No scenario matches: Go'])
})
