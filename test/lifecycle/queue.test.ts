import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Event } from '@codesdkd/protocol'
import { createBench, type TestBench } from '../harness/daemon.ts'

const scenarios = [
  { name: 'hello', prompt: 'hello', legs: [{ text: 'Hello.' }] },
  { name: 'touch', prompt: 'touch', legs: [{ tools: [{ tool: 'shell' as const, command: 'touch made.txt' }] }, { text: 'done' }] },
]

describe('one session', () => {
  let bench: TestBench
  beforeAll(async () => {
    bench = await createBench({ scenarios })
  })
  afterAll(() => bench[Symbol.asyncDispose]())

  test('runs one task, keeps 64 waiting in order, and refuses the next until there is room', async () => {
    const { client } = bench
    const { session_id } = await client.createSession(bench.session())
    const submit = (taskId: string) =>
      client.post(`/sessions/${session_id}/tasks`, {
        taskId,
        messages: [{ role: 'user', content: taskId === 'first' ? 'touch' : 'hello' }],
      })
    expect(await submit('first')).toMatchObject({ status: 202, body: { status: 'started' } })
    await client.event(session_id, 'tool.call.policy_evaluated', ({ payload }) => payload.result === 'ask')
    for (let index = 1; index <= 64; index += 1)
      expect(await submit(`waiting-${index}`)).toMatchObject({ status: 202, body: { status: 'started', phase: 'queued' } })
    const refused = await submit('one-too-many')
    expect(refused).toMatchObject({
      status: 429,
      body: { error: 'backpressure', retryable: true, limit: 64, current: 64, scope: 'session' },
    })
    expect(refused.headers.get('retry-after')).toMatch(/^[1-9]\d*$/)
    expect((await client.get(`/sessions/${session_id}/tasks/one-too-many`)).status).toBe(404)
    expect(await submit('waiting-64')).toMatchObject({ status: 202, body: { phase: 'queued' } })
    expect((await client.get('/status')).body).toMatchObject({
      limits: { max_queued_tasks: 64 },
      counts: { tasks_running: 1, tasks_queued: 64 },
    })

    expect(await client.post(`/sessions/${session_id}/tasks/waiting-1/stop`)).toMatchObject({
      status: 200,
      body: { ok: true, status: 'stopped' },
    })
    expect(await submit('one-too-many')).toMatchObject({ status: 202, body: { phase: 'queued' } })
    for (let index = 4; index <= 64; index += 1) await client.post(`/sessions/${session_id}/tasks/waiting-${index}/stop`)

    expect((await client.finish({ session_id, task_id: 'one-too-many' })).type).toBe('task.completed')
    const order = (await client.events(session_id)).filter(({ type }) => type === 'task.started').map(({ trace }) => trace.task_id)
    expect(order).toEqual(['first', 'waiting-2', 'waiting-3', 'one-too-many'])
    const ends = (await client.events(session_id)).filter(({ type }) => /^task\.(completed|failed|stopped)$/.test(type))
    expect(new Set(ends.map(({ trace }) => trace.task_id)).size).toBe(ends.length)
    expect(ends).toHaveLength(66)
  })
})

describe('--max-running-tasks 1', () => {
  let bench: TestBench
  beforeAll(async () => {
    bench = await createBench({ scenarios, args: ['--max-running-tasks', '1'] })
  })
  afterAll(() => bench[Symbol.asyncDispose]())

  /** Three sessions; a task of the first one runs until it is approved. */
  async function block() {
    const { client } = bench
    const ids: string[] = []
    for (let index = 0; index < 3; index += 1) ids.push((await client.createSession(bench.session())).session_id)
    const [first = '', second = '', third = ''] = ids
    const running = await client.startTask(first, 'touch')
    await client.event(first, 'tool.call.policy_evaluated', ({ payload }) => payload.result === 'ask')
    return { first, second, third, running }
  }

  test('serves the sessions in turn, whatever one of them has to do', async () => {
    const { client } = bench
    const { first, second, third, running } = await block()
    const tasks = []
    for (const [id, taskId] of [
      [second, 'b1'],
      [first, 'a1'],
      [first, 'a2'],
      [third, 'c1'],
      [second, 'b2'],
    ] as const) {
      const task = await client.startTask(id, 'hello', { taskId })
      expect(task.phase).toBe('queued')
      tasks.push(task)
    }
    await client.finish(running)
    for (const task of tasks) expect((await client.finish(task)).type).toBe('task.completed')
    expect((await client.get('/status')).body).toMatchObject({
      limits: { max_running_tasks: 1 },
      counts: { tasks_running: 0, tasks_queued: 0 },
    })
    const order: string[] = []
    for await (const { event, data } of client.frames('/events?until=idle&types=task.*')) {
      const { type, trace } = event === undefined ? (JSON.parse(data) as Event) : { type: event, trace: { task_id: '' } }
      if (/^task\.(started|completed)$/.test(type) && trace.task_id !== running.task_id)
        order.push(`${trace.task_id} ${type.slice('task.'.length)}`)
    }
    expect(order).toEqual(['b1', 'c1', 'a1', 'b2', 'a2'].flatMap((id) => [`${id} started`, `${id} completed`]))
  })

  test('is not held up by a task that was stopped while it waited', async () => {
    const { client } = bench
    const { second, third, running } = await block()
    const given = await client.startTask(second, 'hello')
    const kept = await client.startTask(third, 'hello')
    expect((await client.post(`/sessions/${second}/tasks/${given.task_id}/stop`)).body).toMatchObject({ status: 'stopped' })
    await client.finish(running)
    expect((await client.finish(kept)).type).toBe('task.completed')
  })
})

describe('--max-live-agents 1', () => {
  let bench: TestBench
  beforeAll(async () => {
    bench = await createBench({ scenarios, args: ['--max-live-agents', '1'] })
  })
  afterAll(() => bench[Symbol.asyncDispose]())

  test('an agent that rests makes room for one that is needed, and comes back with its memory', async () => {
    const { client } = bench
    const [first, second] = [await client.createSession(bench.session()), await client.createSession(bench.session())]
    for (const session of [first, second, first]) {
      expect((await client.finish(await client.startTask(session.session_id, 'hello'))).type).toBe('task.completed')
      expect((await client.get('/status')).body).toMatchObject({ limits: { max_live_agents: 1 }, counts: { agents_live: 1 } })
    }
    const restored = await client.event(first.session_id, 'session.context_restored')
    expect(restored.payload.source).toBe('native_resume')
  })

  test('a task whose agent finds no place waits for one, and can be stopped while it waits', async () => {
    const { client } = bench
    const [first, second, third] = await Promise.all([1, 2, 3].map(() => client.createSession(bench.session())))
    if (first === undefined || second === undefined || third === undefined) throw new Error('there are three sessions')
    const working = await client.startTask(first.session_id, 'touch')
    await client.event(first.session_id, 'tool.call.policy_evaluated', ({ payload }) => payload.result === 'ask')
    const [given, kept] = [await client.startTask(second.session_id, 'hello'), await client.startTask(third.session_id, 'hello')]
    expect(await client.task(kept)).toMatchObject({ status: 'running', phase: 'starting' })
    await client.post(`/sessions/${second.session_id}/tasks/${given.task_id}/stop`)
    expect((await client.finish(given)).type).toBe('task.stopped')
    expect(await client.task(kept)).toMatchObject({ phase: 'starting' })
    await client.finish(working)
    expect((await client.finish(kept)).type).toBe('task.completed')
  })
})
