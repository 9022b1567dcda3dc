import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Event, Replay } from '@codesdkd/protocol'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createClient } from '@codesdkd/client'
import { readBundle } from '../../packages/daemon/src/bundle/read-bundle.ts'
import { packBundle, unpackBundle, withFiles, type Files } from '../../packages/daemon/src/bundle/testing/packing.ts'
import { readInvocation } from '../../packages/daemon/src/configuration/config.ts'
import type { Pace } from '../../packages/daemon/src/core/replay.ts'
import { openReplay } from '../../packages/daemon/src/open-replay.ts'
import { checkEveryAnswer } from '../contract/declared.ts'
import { TestClient } from '../harness/client.ts'
import { createBench, type TestBench } from '../harness/daemon.ts'

const scenarios = [
  {
    name: 'touch',
    prompt: 'touch',
    legs: [{ text: 'I touch.', tools: [{ tool: 'shell' as const, command: 'touch made.txt' }] }, { text: 'done' }],
  },
  { name: 'wait', prompt: 'wait', legs: [{ text: 'I wait.', tools: [{ tool: 'shell' as const, command: 'touch late.txt' }] }] },
]

const isEvent = (line: string) => line !== ''
const toEvents = (files: Files) =>
  String(files.get('events.jsonl'))
    .split('\n')
    .filter(isEvent)
    .map((line) => JSON.parse(line) as Event)

describe('a replay of a real session', () => {
  let bench: TestBench
  let id = ''
  /** After a task that was approved; and with a second one that waits for a person. */
  const path: Record<'ended' | 'open', string> = { ended: '', open: '' }
  const files: Record<'ended' | 'open', Files> = { ended: new Map(), open: new Map() }
  beforeAll(async () => {
    bench = await createBench({ scenarios })
    id = (await bench.client.createSession(bench.session({ title: 'a bug', metadata: { a: '1' } }))).session_id
    await bench.client.finish(await bench.client.startTask(id, 'touch'))
    await keep('ended')
    await bench.client.startTask(id, 'wait')
    await bench.client.event(
      id,
      'tool.call.policy_evaluated',
      ({ payload, seq }) => payload.result === 'ask' && seq > toEvents(files.ended).length,
    )
    await keep('open')
  }, 60_000)
  afterAll(() => bench[Symbol.asyncDispose]())

  async function keep(name: 'ended' | 'open'): Promise<void> {
    const answer = await fetch(`${bench.client.url}/sessions/${id}/support-bundle`)
    const bytes = Buffer.from(await answer.arrayBuffer())
    path[name] = join(bench.folder.path, `${name}.tar.gz`)
    writeFileSync(path[name], bytes)
    files[name] = await unpackBundle(bytes)
  }

  /** The same bundle with other events. */
  async function rewrite(from: Files, events: readonly { readonly seq: number }[]): Promise<string> {
    const range = { first_seq: events[0]?.seq, last_seq: events.at(-1)?.seq }
    const manifest = { ...(JSON.parse(String(from.get('manifest.json'))) as object), events: range }
    const told = new Map([...from, ['manifest.json', Buffer.from(JSON.stringify(manifest))] as const])
    const file = join(bench.folder.path, 'rewritten.tar.gz')
    writeFileSync(file, await packBundle(withFiles(told, { 'events.jsonl': events.map((event) => `${JSON.stringify(event)}\n`).join('') })))
    return file
  }

  async function replay(bundle: string, pace: Pace = { playing: true, speed: Infinity }) {
    const invocation = readInvocation(['serve', '--log-level', 'silent'], { HOME: bench.folder.path })
    if (invocation.command !== 'serve') throw new Error('the arguments do not serve')
    const daemon = await openReplay({ path: bundle, pace }, invocation.config)
    const client = new TestClient(daemon.url)
    await checkEveryAnswer(client)
    return { client, about: daemon.about, url: daemon.url, [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose]() }
  }

  test('the session is there, with its events, tasks, transcript and artifacts', async () => {
    await using shown = await replay(path.ended)
    const { client } = shown
    const events = toEvents(files.ended)
    expect(events.map(({ type }) => type)).toEqual(expect.arrayContaining(['session.created', 'tool.call.approved', 'task.completed']))
    expect(await client.events(id)).toEqual(events)
    const session = (await client.get(`/sessions/${id}`)).body
    expect(session).toMatchObject({
      session_id: id,
      runtime: 'replay',
      read_only: true,
      phase: 'idle',
      title: 'a bug',
      metadata: { a: '1' },
    })
    expect(session).toMatchObject({ created_at: events[0]?.time, last_seq: events.length, permission_mode: 'ask', model: 'gpt-5.5' })
    expect((await client.get('/sessions?limit=5')).body).toEqual({ sessions: [session], next_after: null })
    expect(shown.about).toEqual({ session_id: id, inspector: `${shown.url}/inspector#/sessions/${id}` })

    // Where it was made another task has begun.
    const transcript = (await client.get(`/sessions/${id}/transcript`)).body.messages
    expect(transcript.length).toBeGreaterThan(1)
    expect(transcript).toEqual((await bench.client.get(`/sessions/${id}/transcript`)).body.messages.slice(0, transcript.length))
    const { tasks } = (await client.get(`/sessions/${id}/tasks`)).body
    expect(tasks).toEqual((await bench.client.get(`/sessions/${id}/tasks`)).body.tasks.slice(0, 1))
    const { artifacts } = JSON.parse(String(files.ended.get('manifest.json'))) as { artifacts: { included: { artifact_id: string }[] } }
    expect(artifacts.included.length).toBeGreaterThan(0)
    for (const { artifact_id } of artifacts.included) {
      const bytes = Buffer.from(await (await fetch(`${shown.url}/artifacts/${artifact_id}`)).arrayBuffer())
      expect(bytes.equals(files.ended.get(`artifacts/${artifact_id}.bin`) ?? Buffer.of())).toBe(true)
    }
  })

  test('its own bundle holds the same events, and can be replayed', async () => {
    await using first = await replay(path.ended)
    const again = join(bench.folder.path, 'again.tar.gz')
    writeFileSync(again, Buffer.from(await (await fetch(`${first.url}/sessions/${id}/support-bundle`)).arrayBuffer()))
    await using second = await replay(again)
    expect(await second.client.events(id)).toEqual(toEvents(files.ended))
  })

  test('streams tell every event in its order while it is played', async () => {
    await using shown = await replay(path.ended, { playing: true, speed: 50 })
    const events = toEvents(files.ended)
    const heard: Event[] = []
    for await (const event of shown.client.follow(id)) {
      heard.push(event)
      if (event.seq === events.length) break
    }
    expect(heard).toEqual(events)
    expect((await shown.client.get(`/sessions/${id}/replay`)).body).toEqual({
      session_id: id,
      state: 'ended',
      speed: 50,
      first_seq: 1,
      seq: events.length,
      last_seq: events.length,
    })
  })

  test('step by step the session stands as it stood then', async () => {
    await using shown = await replay(path.open, { playing: false, speed: 1 })
    const { client } = shown
    const events = toEvents(files.open)
    const at = (seq: number) => ({ state: seq === events.length ? 'ended' : 'stepping', seq, last_seq: events.length, speed: 1 })
    expect((await client.get(`/sessions/${id}/replay`)).body).toMatchObject(at(1))
    const phases = ['idle']
    for (let seq = 2; seq <= events.length; seq += 1) {
      expect((await client.post(`/sessions/${id}/replay/step`)).body).toMatchObject(at(seq))
      const { body } = await client.get(`/sessions/${id}`)
      expect(body.last_seq).toBe(seq)
      if (phases.at(-1) !== body.phase) phases.push(body.phase)
    }
    const turn = ['idle', 'starting', 'running', 'waiting_approval']
    expect(phases).toEqual([...turn, 'running', ...turn])
    expect((await client.post(`/sessions/${id}/replay/step`, { events: 10 })).body).toMatchObject(at(events.length))
    expect(await client.events(id)).toEqual(events)
    expect((await client.get('/approvals')).body.approvals).toMatchObject([{ session_id: id, runtime: 'replay' }])
  })

  test('several steps at once are as many events', async () => {
    await using shown = await replay(path.open, { playing: false, speed: 1 })
    expect((await shown.client.post(`/sessions/${id}/replay/step`, { events: 5 })).body).toMatchObject({ seq: 6 })
    expect(await shown.client.events(id)).toEqual(toEvents(files.open).slice(0, 6))
    expect(await shown.client.post(`/sessions/${id}/replay/step`, { events: 0 })).toMatchObject({ status: 400 })
  })

  test('its pace can be changed: held, slowly, at once', async () => {
    await using shown = await replay(path.ended, { playing: true, speed: 0.000_001 })
    const { client } = shown
    const last = toEvents(files.ended).length
    const change = async (body: object) => (await client.request('PATCH', `/sessions/${id}/replay`, body)).body as Replay
    const { seq, ...held } = await change({ state: 'stepping' })
    expect(held).toMatchObject({ state: 'stepping', speed: 0.000_001, last_seq: last })
    expect(seq).toBeLessThan(last)
    expect(await change({ speed: 2 })).toMatchObject({ state: 'stepping', speed: 2, seq })
    expect(await change({ state: 'playing', speed: 0.000_001 })).toMatchObject({ state: 'playing', speed: 0.000_001 })
    expect(await change({ speed: null })).toMatchObject({ state: 'ended', speed: null, seq: last })
    expect(await change({ state: 'playing', speed: 1 })).toMatchObject({ state: 'ended', seq: last })
    expect(await client.events(id)).toEqual(toEvents(files.ended))
    expect(await client.request('PATCH', `/sessions/${id}/replay`, { speed: 0 })).toMatchObject({ status: 400 })
  })

  test('nothing can be asked of it, and no session begins', async () => {
    await using shown = await replay(path.open)
    const { client } = shown
    const call = (await client.get('/approvals')).body.approvals[0]
    const task = toEvents(files.open).at(-1)?.trace.task_id ?? ''
    const one = { attempt: call.attempt, input_hash: call.input_hash }
    const messages = [{ role: 'user', content: 'more' }]
    const asked: readonly (readonly [string, string, unknown?])[] = [
      ['POST', `/sessions/${id}/tasks`, { messages }],
      ['POST', `/sessions/${id}/tasks`, { messages, when_busy: 'steer' }],
      ['POST', `/sessions/${id}/tasks/${task}/stop`],
      ['POST', `/sessions/${id}/tool-calls/${call.tool_call_id}/approve`, one],
      ['POST', `/sessions/${id}/tool-calls/${call.tool_call_id}/deny`, one],
      ['POST', `/sessions/${id}/tool-calls/${call.tool_call_id}/result`, { ...one, result: 1 }],
      ['POST', `/sessions/${id}/tool-calls/${call.tool_call_id}/output`, { ...one, delta: 'x' }],
      ['POST', `/sessions/${id}/questions/q/answer`, { outcome: 'decline' }],
      ['POST', `/sessions/${id}/fork`, {}],
      ['POST', `/sessions/${id}/handoff`, { runtime: 'replay' }],
      ['POST', '/artifacts', { session_id: id, content_type: 'text/plain', data: 'eA==' }],
      ['PATCH', `/sessions/${id}`, { title: 'mine' }],
      ['DELETE', `/sessions/${id}?stop=true`],
      ['POST', '/sessions', {}],
    ]
    for (const [method, where, body] of asked) {
      const answer = await client.request(method, where, body)
      expect(answer, `${method} ${where}: ${answer.text}`).toMatchObject({ status: 409, body: { error: 'session_read_only' } })
    }
    expect(await client.events(id)).toEqual(toEvents(files.open))
    expect(await client.post('/sessions/sess_0/fork', {})).toMatchObject({ status: 404, body: { error: 'session_not_found' } })
  })

  test('the runtime says that it runs nothing', async () => {
    await using shown = await replay(path.ended)
    const { body } = await shown.client.get('/capabilities?runtime=replay')
    expect(body).toMatchObject({ runtime: 'replay', supports_session_create: false, supports_tool_calls: false, supports_stop: false })
    expect((await shown.client.get('/health')).body).toMatchObject({ ok: true, runtime: 'replay' })
    expect((await shown.client.get('/runtimes')).body.runtimes).toHaveLength(1)
    expect(await shown.client.get('/capabilities?runtime=codex')).toMatchObject({ status: 400, body: { error: 'unknown_runtime' } })
  })

  test('a bundle that begins later has the rest, under the same numbers', async () => {
    const events = toEvents(files.open)
    const from = events.findLastIndex(({ type }) => type === 'task.started')
    const rest = events.slice(from)
    const later = await rewrite(files.open, rest)
    await using shown = await replay(later)
    expect(await shown.client.events(id)).toEqual(rest)
    // Nothing is lost: there is nothing before the first one.
    const followed: unknown[] = []
    for await (const event of createClient({ url: shown.client.url }).follow(id)) if (followed.push(event) === rest.length) break
    expect(followed).toEqual(rest)
    expect((await shown.client.get(`/sessions/${id}`)).body).toMatchObject({
      phase: 'waiting_approval',
      title: null,
      permission_mode: 'ask',
    })
    expect((await shown.client.get(`/sessions/${id}/tasks`)).body.tasks).toMatchObject([{ status: 'running', first_seq: from + 1 }])
    expect((await shown.client.get(`/sessions/${id}/replay`)).body).toMatchObject({ first_seq: from + 1, seq: events.length })
    expect((await shown.client.get(`/sessions/${id}/transcript`)).status).toBe(200)
  })

  test('events of a newer daemon are shown as they are', async () => {
    const events = toEvents(files.ended)
    const strange = { ...events.at(-1), seq: events.length + 1, type: 'moon.risen', payload: { full: true } }
    const known = events.map((event) => ({ ...event, more: { than: 'known' } }))
    const newer = await rewrite(files.ended, [...known, strange])
    await using shown = await replay(newer)
    expect(await shown.client.events(id)).toEqual([...known, strange])
  })

  test.each([
    ['backwards', (events: readonly Event[]) => events.toReversed()],
    ['twice', (events: readonly Event[]) => [...events, ...events]],
    ['every other one', (events: readonly Event[]) => events.filter((_event, index) => index % 2 === 1)],
    [
      'without a task',
      (events: readonly Event[]) => events.map(({ trace: { session_id }, ...event }) => ({ ...event, trace: { session_id } })),
    ],
  ])('events in an order that no agent has are shown all the same: %s', async (_name, reorder) => {
    const events = reorder(toEvents(files.open)).map((event, index) => ({ ...event, seq: index + 1 }))
    await using shown = await replay(await rewrite(files.open, events))
    expect(await shown.client.events(id)).toEqual(events)
    for (const of of [
      `/sessions/${id}`,
      `/sessions/${id}/transcript`,
      `/sessions/${id}/tasks`,
      '/approvals',
      `/sessions/${id}/support-bundle`,
    ])
      expect((await fetch(shown.url + of)).status, of).toBe(200)
  })

  test('elsewhere there is no replay', async () => {
    expect(await bench.client.get(`/sessions/${id}/replay`)).toMatchObject({ status: 404, body: { error: 'replay_not_found' } })
    const change = await bench.client.request('PATCH', `/sessions/${id}/replay`, { speed: 2 })
    expect(change).toMatchObject({ status: 404, body: { error: 'replay_not_found' } })
    expect(await bench.client.post(`/sessions/${id}/replay/step`)).toMatchObject({ status: 404, body: { error: 'replay_not_found' } })
    expect((await readBundle(path.ended)).origin).toMatchObject({ runtime: 'codex-sdk' })
  })
})
