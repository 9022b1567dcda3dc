import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Event, Session } from '@codesdkd/protocol'
import { readInvocation } from '../../packages/daemon/src/configuration/config.ts'
import { createDaemon } from '../../packages/daemon/src/daemon.ts'
import { openStorage } from '../../packages/daemon/src/storage/storage.ts'
import { TestClient } from '../harness/client.ts'
import { createBench, createStage, type TestBench } from '../harness/daemon.ts'
import { createFolder } from '../harness/workspace.ts'
import { freezeAgent } from './testing/processes.ts'

const scenarios = [
  { name: 'hello', prompt: 'hello', legs: [{ text: 'Hello.' }] },
  { name: 'touch', prompt: 'touch', legs: [{ tools: [{ tool: 'shell' as const, command: 'touch made.txt' }] }, { text: 'done' }] },
]

const problem = (status: number, error: string, members: object = {}) => ({ status, body: { error, ...members } })

/** Homes of sessions in a data directory. */
function homes(dataDir: string): readonly string[] {
  return readdirSync(join(dataDir, 'namespaces')).flatMap((name) => {
    const sessions = join(dataDir, 'namespaces', name, 'sessions')
    return existsSync(sessions) ? readdirSync(sessions).map((session) => join(sessions, session)) : []
  })
}

describe('DELETE of a session', () => {
  let bench: TestBench
  beforeAll(async () => {
    bench = await createBench({ scenarios, args: ['--metrics'] })
  })
  afterAll(() => bench[Symbol.asyncDispose]())

  const remove = (id: string, query = '') => bench.client.request('DELETE', `/sessions/${id}${query}`)
  const worked = async (more: Readonly<Record<string, unknown>> = {}): Promise<Session> => {
    const session = await bench.client.createSession(bench.session(more))
    await bench.client.finish(await bench.client.startTask(session.session_id, 'hello', { taskId: 't' }))
    return session
  }

  test('takes along all that is kept of it, and nothing of another', { timeout: 60_000 }, async () => {
    const { client, folder } = bench
    const other = await worked({ env: { MINE: 'value-of-the-other' } })
    const before = homes(folder.dataDir)
    const { session_id: id } = await worked({ env: { MINE: 'value-of-this-one' } })
    const [home = ''] = homes(folder.dataDir).filter((path) => !before.includes(path))
    const outside = join(folder.path, 'outside')
    mkdirSync(outside)
    writeFileSync(join(outside, 'file'), '')
    symlinkSync(outside, join(home, 'link'))
    const refs = (await client.events(id)).flatMap((event) => (event.type === 'model.input' ? [event.payload.input_ref] : []))
    expect(refs).toHaveLength(1)
    const variables = join(folder.dataDir, 'session-env')
    expect(readdirSync(variables)).toHaveLength(2)

    expect(await remove(id)).toMatchObject({ status: 204, text: '' })

    for (const path of ['', '/events', '/tasks', '/tasks/t', '/transcript', '/support-bundle'])
      expect(await client.get(`/sessions/${id}${path}`), path).toMatchObject(problem(404, 'session_not_found', { session_id: id }))
    for (const path of ['/tasks/t/stop', '/tool-calls/c/approve', '/tool-calls/c/deny', '/questions/q/answer'])
      expect(
        (await client.post(`/sessions/${id}${path}`, { attempt: 1, input_hash: `sha256:${'0'.repeat(64)}`, outcome: 'decline' })).status,
        path,
      ).toBe(404)
    expect(await client.post(`/sessions/${id}/tasks`, { messages: [{ role: 'user', content: 'hello' }] })).toMatchObject(
      problem(404, 'session_not_found'),
    )
    expect(await client.request('PATCH', `/sessions/${id}`, { title: 'x' })).toMatchObject(problem(404, 'session_not_found'))
    expect(await remove(id)).toMatchObject(problem(404, 'session_not_found'))
    for (const ref of refs) expect(await client.get(`/artifacts/${ref}`)).toMatchObject(problem(404, 'artifact_not_found'))
    expect((await client.get('/sessions?scope=all&limit=500')).text).not.toContain(id)

    expect([existsSync(home), existsSync(join(outside, 'file')), homes(folder.dataDir)]).toEqual([false, true, before])
    expect(readdirSync(variables)).toEqual([`${other.session_id}.json`])
    expect((await client.get(`/sessions/${other.session_id}/tasks/t`)).body).toMatchObject({ status: 'completed' })
    expect((await client.finish(await client.startTask(other.session_id, 'hello'))).type).toBe('task.completed')
    expect((await client.get('/metrics')).text).toContain('codesdk_sessions_deleted_total{reason="request"} 1')
  })

  test(
    'is refused while a task is open; with stop it ends the task first, and the streams of the session',
    { timeout: 60_000 },
    async () => {
      const { client, folder } = bench
      const marker = `removal-${process.pid}`
      const { session_id: id } = await client.createSession(bench.session({ env: { MARKER: marker } }))
      const seen: Event[] = []
      const following = (async () => {
        for await (const event of client.follow(id)) seen.push(event)
      })()
      const { task_id } = await client.startTask(id, 'touch')
      await client.startTask(id, 'hello', { taskId: 'waits' })
      await client.event(id, 'tool.call.policy_evaluated', ({ payload }) => payload.result === 'ask')
      expect(await remove(id)).toMatchObject(problem(409, 'session_busy', { session_id: id, open_tasks: [task_id, 'waits'] }))
      for (const query of ['?stop=yes', '?stop=', '?stop=true&stop=true'])
        expect(await remove(id, query), query).toMatchObject(problem(400, 'invalid_request'))
      // It takes its grace to end: the removal is under way for as long, and whoever comes late comes in time.
      freezeAgent(marker)
      const [one, two, task] = await Promise.all([
        remove(id, '?stop=true'),
        remove(id, '?stop=true'),
        client.startTask(id, 'hello').catch(String),
      ])
      expect([one.status, two.status]).toEqual([204, 204])
      expect(task).toMatch(/session_busy|session_not_found/)
      await following
      const ends = seen
        .filter(({ type }) => type === 'task.stopped')
        .map(({ trace, payload }) => [trace.task_id, 'reason' in payload && payload.reason])
      expect(ends).toEqual(
        expect.arrayContaining([
          [task_id, 'session_deleted'],
          ['waits', 'session_deleted'],
        ]),
      )
      expect(await folder.read('made.txt')).toBeNull()
      expect((await client.get('/approvals')).text).not.toContain(id)
      expect((await client.get('/status')).body.counts).toMatchObject({ tasks_running: 0, tasks_queued: 0, approvals_pending: 0 })
    },
  )

  test('the stream over all sessions goes on after it, with cursors that only grow', async () => {
    const { client } = bench
    const cursors: number[] = []
    const stop = new AbortController()
    const { session_id: last } = await client.createSession({})
    expect((await remove(last)).status).toBe(204)
    let caughtUp = 0
    // The newest events of the log are gone: to reach its end is to wait, not to look again and again.
    for await (const frame of client.frames('/events', { signal: stop.signal })) {
      if (frame.event === 'caught_up') {
        caughtUp += 1
        await client.createSession({ title: 'after' })
      }
      if (frame.id !== undefined && frame.id !== '') cursors.push(Number(frame.id.split('.')[1]))
      if (frame.data.includes('"title":"after"')) break
    }
    expect(caughtUp).toBe(1)
    expect(cursors).toEqual(cursors.toSorted((a, b) => a - b))
    expect(new Set(cursors).size).toBe(cursors.length)
  })
})

test('what a killed daemon left of a deleted session is erased by the next one', { timeout: 60_000 }, async () => {
  await using stage = await createStage(scenarios)
  const { dataDir } = stage.folder
  await using first = await stage.start()
  const { session_id: id } = await first.client.createSession(stage.session({ env: { MINE: 'value-of-mine' } }))
  await first.client.finish(await first.client.startTask(id, 'hello'))
  await first.end('SIGKILL')
  expect([homes(dataDir).length, readdirSync(join(dataDir, 'session-env')).length]).toEqual([1, 1])
  {
    // As far as a removal comes that is killed after its mark.
    const clock = { now: () => new Date().toISOString(), monotonic: () => performance.now() }
    using storage = openStorage({ path: dataDir, clock, newId: () => crypto.randomUUID().replaceAll('-', '') })
    storage.log.discard(id)
  }
  await using second = await stage.start()
  expect(await second.client.get(`/sessions/${id}`)).toMatchObject(problem(404, 'session_not_found'))
  await vi.waitUntil(async () => (await second.client.get('/status')).body.storage.events === 0, { timeout: 20_000 })
  expect([homes(dataDir), readdirSync(join(dataDir, 'session-env'))]).toEqual([[], []])
  expect(readdirSync(join(dataDir, 'artifacts'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())).toEqual([])
  await second.end()
  expect(readFileSync(join(dataDir, 'codesdkd.db')).includes(id)).toBe(false)
})

test('--retain deletes what nobody has used for so long, and keeps what was used since', { timeout: 60_000 }, async () => {
  await using folder = await createFolder()
  const start = async (days: number, args: readonly string[] = []) => {
    const invocation = readInvocation(['--data-dir', folder.dataDir, '--log-level', 'silent', ...args], { HOME: folder.path })
    if (invocation.command !== 'serve') throw new Error('the arguments do not serve')
    const clock = { now: () => new Date(Date.UTC(2026, 0, 1 + days)).toISOString(), monotonic: () => performance.now() }
    const daemon = await createDaemon(invocation.config, { clock })
    return { client: new TestClient(daemon.url), [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose]() }
  }
  const ids: string[] = []
  {
    await using daemon = await start(0)
    for (const title of ['old', 'used']) ids.push((await daemon.client.createSession({ title })).session_id)
  }
  const [old = '', used = ''] = ids
  {
    await using daemon = await start(20)
    expect((await daemon.client.request('PATCH', `/sessions/${used}`, { metadata: { seen: 'yes' } })).status).toBe(200)
  }
  {
    await using daemon = await start(31)
    expect((await daemon.client.get(`/sessions/${old}`)).status).toBe(200)
  }
  await using daemon = await start(31, ['--retain', '30d', '--metrics'])
  await vi.waitUntil(async () => (await daemon.client.get(`/sessions/${old}`)).status === 404, { timeout: 20_000 })
  expect((await daemon.client.get(`/sessions/${used}`)).body).toMatchObject({ title: 'used' })
  expect((await daemon.client.get('/status')).body.limits).toMatchObject({ retain_ms: 2_592_000_000 })
  expect((await daemon.client.get('/metrics')).text).toContain('codesdk_sessions_deleted_total{reason="retention"} 1')
})
