import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { emptyState, emptyTranscript, evolve, evolveTranscript, type Event, type Session, type TranscriptPage } from '@codesdkd/protocol'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { openStorage } from '../../packages/daemon/src/storage/storage.ts'
import { turns } from '../conformance/heard.ts'
import { checkEveryAnswer } from '../contract/declared.ts'
import { createBench, createStage, type TestBench } from '../harness/daemon.ts'

const scenarios = [
  { name: 'hello', prompt: 'hello', legs: [{ text: 'Hello.' }] },
  { name: 'first', prompt: 'first', legs: [{ text: 'The word is quetzal.' }] },
  { name: 'left', prompt: 'left', legs: [{ text: 'I go left.' }] },
  { name: 'count', prompt: 'count', legs: [{ tools: [{ tool: 'shell' as const, command: 'seq 1 5000' }] }, { text: 'Counted.' }] },
  {
    name: 'touch',
    prompt: 'touch',
    legs: [{ text: 'I touch.', tools: [{ tool: 'shell' as const, command: 'touch made.txt' }] }, { text: 'done' }],
  },
]

const problem = (status: number, error: string, members: object = {}) => ({ status, body: { error, ...members } })

describe('forking a session', () => {
  let bench: TestBench
  beforeAll(async () => {
    bench = await createBench({ scenarios })
    await checkEveryAnswer(bench.client)
  })
  afterAll(() => bench[Symbol.asyncDispose]())

  const create = async (more: Readonly<Record<string, unknown>> = {}) =>
    (await bench.client.createSession(bench.session({ title: 'original', metadata: { a: '1' }, ...more }))).session_id
  const play = async (id: string, prompt: string, more: Readonly<Record<string, unknown>> = {}) => {
    const started = await bench.client.startTask(id, prompt, more)
    expect(await bench.client.finish(started)).toMatchObject({ type: 'task.completed' })
    return started
  }
  const ask = (id: string, body?: unknown, headers?: Readonly<Record<string, string>>) =>
    bench.client.post(`/sessions/${id}/fork`, body, headers)
  const fork = async (id: string, body: unknown = {}): Promise<Session> => {
    const answer = await ask(id, body)
    expect(answer, answer.text).toMatchObject({ status: 201 })
    return answer.body as Session
  }
  const transcript = async (id: string) => (await bench.client.get(`/sessions/${id}/transcript`)).body as TranscriptPage
  const said = async (id: string) =>
    (await transcript(id)).messages.flatMap(({ content }) => content.map((block) => (block.type === 'text' ? block.text : block.type)))
  /** What is the same in both logs. */
  const alike = (events: readonly Event[]) =>
    events.map(({ trace: { task_id }, seq, type, time, runtime }) => ({ task_id, seq, type, time, runtime }))

  test('the two go different ways, each with its own transcript', { timeout: 60_000 }, async () => {
    const id = await create({ env: { MINE: 'value-of-mine-1' } })
    await play(id, 'first')
    const forked = await fork(id)
    const other = forked.session_id
    const original = await bench.client.events(id)
    expect(forked).toMatchObject({
      runtime: 'codex-sdk',
      model: 'gpt-5.5',
      title: 'original',
      metadata: { a: '1' },
      phase: 'idle',
      runtime_session_id: null,
      last_seq: original.length + 1,
      forked_from: { session_id: id, after_seq: original.length },
    })
    expect((await bench.client.get(`/sessions/${other}`)).body).toEqual(forked)
    expect((await bench.client.get('/sessions?limit=500')).text).toContain(other)

    const [created, ...copied] = await bench.client.events(other)
    expect(created).toMatchObject({
      seq: 1,
      type: 'session.created',
      payload: { env_names: ['MINE'], forked_from: forked.forked_from },
    })
    expect(alike(copied.slice(0, -1))).toEqual(alike(original.slice(1)))
    expect(new Set(copied.map(({ trace }) => trace.session_id))).toEqual(new Set([other]))
    expect(copied.at(-1)).toMatchObject({ type: 'session.forked', payload: { forked_from: forked.forked_from, title: 'original' } })

    await play(id, 'left')
    await play(other, 'go on')
    expect(JSON.stringify(turns(bench.model).at(-1)?.body)).toContain('quetzal')
    expect(JSON.stringify(turns(bench.model).at(-1)?.body)).not.toContain('I go left')
    await play(other, 'hello')
    expect(await said(id)).toEqual(['first', 'The word is quetzal.', 'left', 'I go left.'])
    expect((await said(other)).filter((text) => !text.startsWith('No scenario'))).toEqual([
      'first',
      'The word is quetzal.',
      'go on',
      'hello',
      'Hello.',
    ])
    const events = await bench.client.events(other)
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_event, index) => index + 1))
    expect(events.reduce(evolveTranscript, emptyTranscript(other))).toMatchObject({ messages: (await transcript(other)).messages })
    expect(events.find(({ type }) => type === 'session.context_restored')).toMatchObject({
      payload: { source: 'transcript', messages_carried: 2 },
    })
    const ids = [id, other].map((session) => bench.client.get(`/sessions/${session}`))
    const [a, b] = (await Promise.all(ids)).map(({ body }) => body.runtime_session_id)
    expect(a).not.toBe(b)
  })

  test('it is its own: deleting the original takes nothing from it, nor the other way round', { timeout: 60_000 }, async () => {
    const id = await create({ env: { MINE: 'value-of-mine-2' } })
    await play(id, 'count', { permissionMode: 'yolo' })
    const [one, two] = [await fork(id), await fork(id)]
    const refs = async (session: string) =>
      (await bench.client.events(session)).flatMap(({ payload }) => ('result_ref' in payload ? [payload.result_ref ?? ''] : []))
    const [ofOne] = await refs(one.session_id)
    expect(ofOne).not.toBe((await refs(id))[0])
    const whole = (await bench.client.get(`/artifacts/${(await refs(id))[0]}`)).text
    expect(whole.length).toBeGreaterThan(20_000)
    expect((await bench.client.request('DELETE', `/sessions/${two.session_id}`)).status).toBe(204)
    expect((await bench.client.get(`/artifacts/${(await refs(id))[0]}`)).text).toBe(whole)
    expect((await bench.client.request('DELETE', `/sessions/${id}`)).status).toBe(204)
    for (const ref of await refs(one.session_id)) expect((await bench.client.get(`/artifacts/${ref}`)).text).toBe(whole)
    expect((await bench.client.get(`/sessions/${one.session_id}/support-bundle`)).status).toBe(200)
    expect(readdirSync(join(bench.folder.dataDir, 'session-env'))).toContain(`${one.session_id}.json`)
    await play(one.session_id, 'go on')
    expect((await bench.client.request('DELETE', `/sessions/${one.session_id}`)).status).toBe(204)
    expect((await bench.client.get(`/artifacts/${ofOne}`)).status).toBe(404)
    expect(readdirSync(join(bench.folder.dataDir, 'session-env')).filter((name) => name.includes(one.session_id))).toEqual([])
  })

  test('a task that was open at the cut is stopped in the fork, and goes on in the original', { timeout: 60_000 }, async () => {
    const id = await create()
    await play(id, 'first')
    const open = await bench.client.startTask(id, 'touch', { taskId: 'open' })
    const queued = await bench.client.startTask(id, 'hello', { taskId: 'queued' })
    const asked = await bench.client.event(id, 'tool.call.requested', ({ trace }) => trace.task_id === 'open')
    const pending = await bench.client.event(id, 'tool.call.policy_evaluated', ({ payload }) => payload.result === 'ask')
    // The agent may ask before the second task is there.
    const place = Math.max(pending.seq, queued.last_seq)
    const cut = await fork(id, { after_seq: place })
    const quiet = await fork(id)
    await bench.client.approve(asked)
    expect((await bench.client.finish(open)).type).toBe('task.completed')
    await bench.client.finish({ session_id: id, task_id: 'queued' })

    const tasks = async (session: string) =>
      (await bench.client.get(`/sessions/${session}/tasks`)).body.tasks.map(({ status, reason }: { status: string; reason: string }) => [
        status,
        reason,
      ])
    expect(await tasks(cut.session_id)).toEqual([
      ['completed', 'completed'],
      ['stopped', 'forked'],
      ['stopped', 'forked'],
    ])
    const events = await bench.client.events(cut.session_id)
    const own = events.slice(place)
    expect(own[0]?.type).toBe('session.forked')
    expect(own.find(({ type }) => type === 'tool.call.denied')).toMatchObject({ payload: { decided_by: 'daemon', reason: 'forked' } })
    expect(own.filter(({ type }) => type === 'task.stopped')).toMatchObject([
      { payload: { reason: 'forked' } },
      { payload: { reason: 'forked' } },
    ])
    expect(events.reduce(evolve, emptyState(cut.session_id))).toMatchObject({ runtime_session_id: null, permission_mode: 'ask' })
    expect(cut).toMatchObject({ phase: 'idle', last_seq: events.length })
    expect((await bench.client.get('/approvals')).text).not.toContain(cut.session_id)
    // Without a place it is the end of the last task that has ended; what began before that is still there.
    expect(quiet).toMatchObject({ forked_from: { after_seq: expect.any(Number) } })
    expect(quiet.forked_from?.after_seq).toBeLessThan(open.last_seq)
    expect(await tasks(quiet.session_id)).toEqual([['completed', 'completed']])
    await play(cut.session_id, 'hello')
    await play(quiet.session_id, 'hello')
  })

  test('it has the settings of the session now, unless others are asked for; its tasks are known', { timeout: 60_000 }, async () => {
    const id = await create()
    const task = await play(id, 'first', { taskId: 'one' })
    await bench.client.request('PATCH', `/sessions/${id}`, { title: 'changed', permissionMode: 'auto', archived: true })
    const plain = await fork(id)
    expect(plain).toMatchObject({ title: 'changed', permission_mode: 'auto', archived: false })
    const other = await fork(id, { after_seq: 1, title: 'mine', metadata: { b: '2' } })
    expect(other).toMatchObject({ title: 'mine', metadata: { b: '2' }, last_seq: 2, forked_from: { session_id: id, after_seq: 1 } })
    expect(await transcript(other.session_id)).toMatchObject({ messages: [] })
    for (const { session_id } of [plain, other])
      expect((await bench.client.events(session_id)).reduce(evolve, emptyState(session_id))).toMatchObject({
        permission_mode: 'auto',
        archived: false,
      })
    expect((await bench.client.get(`/sessions/${plain.session_id}/tasks/one`)).body).toEqual({
      ...(await bench.client.task(task)),
      session_id: plain.session_id,
    })
    expect((await bench.client.get(`/sessions/${other.session_id}/tasks/one`)).status).toBe(404)
    const again = await bench.client.post(`/sessions/${plain.session_id}/tasks`, {
      messages: [{ role: 'user', content: 'first' }],
      taskId: 'one',
    })
    expect(again.headers.get('idempotent-replay')).toBe('true')
    const twice = await fork(plain.session_id)
    expect(twice.forked_from).toEqual({ session_id: plain.session_id, after_seq: plain.forked_from?.after_seq })
    expect(await said(twice.session_id)).toEqual(['first', 'The word is quetzal.'])
    const messages = [
      { role: 'user', content: 'first' },
      { role: 'assistant', content: 'The word is quetzal.' },
      { role: 'user', content: 'hello' },
    ]
    await play(twice.session_id, '', { taskId: 'with-history', messages })
    expect(await bench.client.event(twice.session_id, 'task.started', ({ trace }) => trace.task_id === 'with-history')).toMatchObject({
      payload: { messages: messages.slice(2) },
    })
  })

  test('a key makes one fork', async () => {
    const id = await create()
    const headers = { 'Idempotency-Key': `fork-of-${id}` }
    const answers = await Promise.all([ask(id, {}, headers), ask(id, {}, headers)])
    expect(answers.map(({ status }) => status)).toEqual([201, 201])
    expect(answers[0]?.body).toEqual(answers[1]?.body)
    expect(new Set(answers.map((answer) => answer.headers.get('idempotent-replay')))).toEqual(new Set([null, 'true']))
    expect(await ask(id, { title: 'x' }, headers)).toMatchObject(problem(422, 'idempotency_key_reused'))
    expect(await ask(await create(), {}, headers)).toMatchObject(problem(422, 'idempotency_key_reused'))
  })

  test('who follows all sessions is told of the fork, and not of its past once more', { timeout: 60_000 }, async () => {
    const id = await create()
    await play(id, 'hello')
    const { session_id } = await fork(id)
    const told: Event[] = []
    for await (const { event, data } of bench.client.frames('/events?until=idle'))
      if (event === undefined) told.push(JSON.parse(data) as Event)
    const of = (session: string) => told.filter(({ trace }) => trace.session_id === session)
    expect(of(session_id).map(({ type }) => type)).toEqual(['session.created', 'session.forked'])
    expect(of(id)).toEqual(await bench.client.events(id))
  })

  test.each([
    [{ after_seq: 0 }, { field: 'after_seq' }],
    [{ after_seq: -1 }, { field: 'after_seq' }],
    [{ after_seq: 2 }, { field: 'after_seq', limit: 1, current: 2 }],
    [{ after_seq: 1e30 }, { field: 'after_seq' }],
    [{ after_seq: 1.5 }, { field: 'after_seq' }],
    [{ after_seq: '1' }, { field: 'after_seq' }],
    [{ after_seq: null }, { field: 'after_seq' }],
    [{ title: 7 }, { field: 'title' }],
    [{ title: 'x'.repeat(257) }, { field: 'title' }],
    [{ metadata: { a: 1 } }, {}],
    [[], {}],
  ])('%j is refused', async (body, members) => {
    const id = await create()
    const before = (await bench.client.get('/sessions?scope=all&limit=500')).text
    expect(await ask(id, body)).toMatchObject(problem(400, 'invalid_request', members))
    expect((await bench.client.get('/sessions?scope=all&limit=500')).text).toBe(before)
  })

  test('of an unknown session is 404', async () => {
    expect(await ask('sess_none')).toMatchObject(problem(404, 'session_not_found'))
  })
})

test('a fork is there after kill -9, and goes on', { timeout: 120_000 }, async () => {
  await using stage = await createStage(scenarios)
  await using one = await stage.start()
  const { session_id } = await one.client.createSession(stage.session())
  await one.client.finish(await one.client.startTask(session_id, 'first'))
  const { body } = await one.client.post(`/sessions/${session_id}/fork`)
  await one.end('SIGKILL')
  await using two = await stage.start()
  expect((await two.client.get(`/sessions/${body.session_id}`)).body).toEqual(body)
  expect((await two.client.finish(await two.client.startTask(body.session_id, 'go on'))).type).toBe('task.completed')
  expect(JSON.stringify(turns(stage.model).at(-1)?.body)).toContain('quetzal')
})

test.each([30, 150, 400])(
  'killed %d ms into a long fork there is all of it or nothing, and what is left is erased',
  { timeout: 60_000 },
  async (delay) => {
    await using stage = await createStage(scenarios)
    const variables = join(stage.folder.dataDir, 'session-env')
    await using one = await stage.start()
    const { session_id: id } = await one.client.createSession(stage.session({ env: { MINE: 'value-of-mine-3' } }))
    await one.client.finish(await one.client.startTask(id, 'hello'))
    await one.end()
    const length = await lengthen(stage.folder.dataDir, id, 40_000)
    await using two = await stage.start()
    const asked = two.client.post(`/sessions/${id}/fork`, { after_seq: length }).catch(() => null)
    await setTimeout(delay)
    await two.end('SIGKILL')
    const answer = await asked
    await using three = await stage.start()
    const { sessions } = (await three.client.get('/sessions?scope=all')).body as { sessions: Session[] }
    const forks = sessions.filter(({ session_id }) => session_id !== id)
    if (answer?.status === 201) expect(forks.map(({ session_id }) => session_id)).toEqual([answer.body.session_id])
    for (const { session_id, last_seq } of forks) {
      expect(last_seq).toBe(length + 1)
      expect((await three.client.get(`/sessions/${session_id}/events?after_seq=${length - 1}`)).body.events).toHaveLength(2)
    }
    const names = [id, ...forks.map(({ session_id }) => session_id)].map((name) => `${name}.json`)
    await vi.waitFor(() => expect(readdirSync(variables).toSorted()).toEqual(names.toSorted()), { timeout: 20_000 })
  },
)

/** Adds so many notices to a session's log while no daemon runs. Resolves to the number of its last event. */
async function lengthen(path: string, sessionId: string, count: number): Promise<number> {
  const clock = { now: () => new Date().toISOString(), monotonic: () => performance.now() }
  using storage = openStorage({ path, clock, newId: () => '' })
  const first = storage.log.lastSeq(sessionId) + 1
  const events = Array.from({ length: count }, (_unused, index) => {
    const type = 'runtime.notice'
    const envelope = { schema_version: 1, seq: first + index, time: clock.now(), type, trace: { session_id: sessionId } }
    const payload = { level: 'info', kind: 'test', message: 'x'.repeat(200) }
    return { sessionId, seq: first + index, type, json: JSON.stringify({ ...envelope, runtime: { name: 'codex-sdk' }, payload }) }
  })
  await storage.log.append({ sessionId, events, durability: 'synced' })
  return first + count - 1
}
