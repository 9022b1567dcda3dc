import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createBench, createStage, type TestBench } from '../harness/daemon.ts'

const scenarios = [
  { name: 'hello', prompt: 'hello', legs: [{ text: 'Hello.' }] },
  { name: 'touch', prompt: 'touch', legs: [{ tools: [{ tool: 'shell' as const, command: 'touch made.txt' }] }, { text: 'done' }] },
]

const problem = (status: number, error: string, members: object = {}) => ({ status, body: { error, ...members } })

describe('PATCH of a session', () => {
  let bench: TestBench
  beforeAll(async () => {
    bench = await createBench({ scenarios, args: ['--max-permission-mode', 'auto'] })
  })
  afterAll(() => bench[Symbol.asyncDispose]())

  const create = async (more: Readonly<Record<string, unknown>> = {}) =>
    (await bench.client.createSession(bench.session({ title: 'one', metadata: { a: '1', b: '2' }, ...more }))).session_id
  const patch = (id: string, body: unknown) => bench.client.request('PATCH', `/sessions/${id}`, body)

  test('merges, answers the session, and is one event with the new values', async () => {
    const id = await create()
    const answer = await patch(id, { title: 'two', metadata: { b: null, c: '3' }, permissionMode: 'auto', model: 'gpt-6' })
    const wanted = { title: 'two', metadata: { a: '1', c: '3' }, permission_mode: 'auto', model: 'gpt-6', last_seq: 2, archived: false }
    expect(answer).toMatchObject({ status: 200, body: wanted })
    expect((await bench.client.get(`/sessions/${id}`)).body).toEqual(answer.body)
    expect((await bench.client.events(id))[1]).toMatchObject({
      type: 'session.updated',
      trace: { request_id: answer.headers.get('x-request-id') },
      payload: { changed: { title: 'two', metadata: { a: '1', c: '3' }, permission_mode: 'auto', model: 'gpt-6' }, changed_by: 'user' },
    })
    expect((await patch(id, { title: null, metadata: null, model: null })).body).toMatchObject({ title: null, metadata: {}, model: null })
  })

  test('that changes nothing is no event', async () => {
    const id = await create()
    for (const body of [{}, { title: 'one' }, { metadata: { a: '1', none: null } }, { archived: false }])
      expect(await patch(id, body)).toMatchObject({ status: 200, body: { last_seq: 1 } })
  })

  test.each([
    [{ title: 'x'.repeat(257) }, 400, 'invalid_request', { field: 'title' }],
    [{ metadata: { a: 'x'.repeat(1025) } }, 400, 'invalid_request', { field: 'metadata.a' }],
    [{ metadata: { constructor: 'x' } }, 400, 'invalid_request', { field: 'metadata' }],
    [{ metadata: [] }, 400, 'invalid_request', { field: 'metadata' }],
    [{ model: '' }, 400, 'invalid_request', { field: 'model' }],
    [{ permission_mode: null }, 400, 'invalid_request', { field: 'permission_mode' }],
    [{ archived: 'yes' }, 400, 'invalid_request', { field: 'archived' }],
    [{ title: 'x', permission_mode: 'yolo' }, 403, 'permission_mode_not_allowed', { allowed: ['ask', 'auto'] }],
  ])('%j is refused, and nothing is changed', async (body, status, error, members) => {
    const id = await create()
    expect(await patch(id, body)).toMatchObject(problem(status, error, members))
    expect((await bench.client.get(`/sessions/${id}`)).body).toMatchObject({ title: 'one', last_seq: 1 })
  })

  test('what is fixed is ignored, and told', async () => {
    const id = await create()
    const before = (await bench.client.get(`/sessions/${id}`)).body
    const answer = await patch(id, { title: 'two', runtime: 'claude', cwd: '/', sessionId: 'sess_other' })
    expect(answer.headers.get('x-codesdkd-ignored-fields')).toBe('runtime, cwd, sessionId')
    expect(answer.body).toEqual({ ...before, title: 'two', last_seq: 2 })
  })

  test('many of them cannot make the metadata grow without end', async () => {
    const id = await create()
    const chunk = (name: string) =>
      Object.fromEntries(Array.from({ length: 600 }, (_unused, index) => [`${name}${index}`, 'x'.repeat(1000)]))
    expect((await patch(id, { metadata: chunk('a') })).status).toBe(200)
    expect(await patch(id, { metadata: chunk('b') })).toMatchObject(problem(400, 'invalid_request', { field: 'metadata', limit: 1048576 }))
  })

  test('of an unknown session is 404', async () => {
    expect(await patch('sess_none', { title: 'x' })).toMatchObject(problem(404, 'session_not_found'))
  })

  test('permission mode and model count from the next task; the one that runs keeps its own', { timeout: 60_000 }, async () => {
    const id = await create()
    const first = await bench.client.startTask(id, 'touch')
    const asked = await bench.client.event(id, 'tool.call.requested')
    await bench.client.event(id, 'tool.call.policy_evaluated', ({ payload }) => payload.result === 'ask')
    expect((await patch(id, { permissionMode: 'auto', model: 'gpt-5.4' })).status).toBe(200)
    expect(await patch(id, { archived: true })).toMatchObject(problem(409, 'session_busy', { open_tasks: [first.task_id] }))
    await bench.client.approve(asked)
    expect((await bench.client.finish(first)).type).toBe('task.completed')
    const second = await bench.client.startTask(id, 'touch')
    expect((await bench.client.finish(second)).type).toBe('task.completed')

    const events = await bench.client.events(id)
    const of = (task: string) => events.filter(({ trace }) => trace.task_id === task)
    expect(new Set(of(first.task_id).map(({ runtime }) => runtime.model))).toEqual(new Set(['gpt-5.5']))
    expect(new Set(of(second.task_id).map(({ runtime }) => runtime.model))).toEqual(new Set(['gpt-5.4']))
    const asks = (task: string) =>
      of(task).some(({ type, payload }) => type === 'tool.call.policy_evaluated' && 'result' in payload && payload.result === 'ask')
    expect([asks(first.task_id), asks(second.task_id)]).toEqual([true, false])
    expect(of(first.task_id).find(({ type }) => type === 'tool.call.approved')).toMatchObject({
      payload: { policy_snapshot: { permission_mode: 'ask' } },
    })
    // What the agent itself asked its model for.
    const called = (task: string) => of(task).flatMap((event) => (event.type === 'runtime.request.started' ? [event.payload.model] : []))
    expect([new Set(called(first.task_id)), new Set(called(second.task_id))]).toEqual([new Set(['gpt-5.5']), new Set(['gpt-5.4'])])
  })

  test('archived: no tasks, and in no list that does not ask for it, until it is brought back', async () => {
    const [id, other] = [await create(), await create()]
    const list = async (query: string) =>
      ((await bench.client.get(`/sessions?limit=500${query}`)).body.sessions as { session_id: string }[]).map((one) => one.session_id)
    const task = { messages: [{ role: 'user', content: 'hello' }], taskId: 'once' }
    expect((await bench.client.post(`/sessions/${id}/tasks`, task)).status).toBe(202)
    await bench.client.finish({ session_id: id, task_id: 'once' })
    expect(await patch(id, { archived: true })).toMatchObject({ status: 200, body: { archived: true, phase: 'idle' } })
    expect(await list('')).not.toContain(id)
    expect(await list('')).toContain(other)
    expect(await list('&scope=archived')).toEqual([id])
    expect(await list('&scope=all')).toEqual(expect.arrayContaining([id, other]))
    const refused = await bench.client.post(`/sessions/${id}/tasks`, { ...task, taskId: 'another' })
    expect(refused).toMatchObject(problem(409, 'session_archived', { session_id: id }))
    expect(refused.body.detail).toContain('{"archived": false}')
    // The answer to a request that was accepted before stays the same.
    expect((await bench.client.post(`/sessions/${id}/tasks`, task)).headers.get('idempotent-replay')).toBe('true')
    expect((await patch(id, { archived: false })).body).toMatchObject({ archived: false })
    expect(await list('')).toContain(id)
    expect((await bench.client.post(`/sessions/${id}/tasks`, { ...task, taskId: 'another' })).status).toBe(202)
  })
})

test('what was changed is so after kill -9', { timeout: 60_000 }, async () => {
  await using stage = await createStage(scenarios)
  const secret = 'a-secret-of-the-session-42'
  await using first = await stage.start()
  const { session_id } = await first.client.createSession(stage.session({ env: { TOKEN_OF_MINE: secret } }))
  const { body } = await first.client.request('PATCH', `/sessions/${session_id}`, { title: 'kept', permissionMode: 'yolo', archived: true })
  await first.end('SIGKILL')
  await using second = await stage.start()
  expect((await second.client.get(`/sessions/${session_id}`)).body).toEqual(body)
  expect(body).toMatchObject({ title: 'kept', permission_mode: 'yolo', archived: true })
  expect(await second.client.startTask(session_id, 'hello').catch(String)).toContain('session_archived')
})
