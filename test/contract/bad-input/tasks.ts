import { expect } from 'vitest'
import type { Answer } from '../../harness/client.ts'
import type { Row, Target } from './target.ts'

const user = (content: unknown) => ({ role: 'user', content })

const starts = (id: string, name: string, body: unknown, status: number, member: Record<string, unknown> = {}): Row => ({
  id,
  name,
  async check({ open }) {
    const { session_id } = await open.client.createSession({})
    expect(await open.client.post(`/sessions/${session_id}/tasks`, body)).toMatchObject({ status, body: member })
    expect((await open.client.get(`/sessions/${session_id}/tasks`)).body.tasks).toEqual([])
  },
})

async function hanging({ open, stage }: Target): Promise<{ sessionId: string; taskId: string; stop: (taskId: string) => Promise<Answer> }> {
  const { session_id } = await open.client.createSession(stage.session({ runtimeConfig: { stream_idle_timeout_ms: 60_000 } }))
  const before = stage.model.journal.entries.length
  const { task_id } = await open.client.startTask(session_id, 'hang')
  await stage.model.journal.waitFor(({ seq, scenario }) => seq > before && scenario === 'hang')
  return { sessionId: session_id, taskId: task_id, stop: (taskId) => open.client.post(`/sessions/${session_id}/tasks/${taskId}/stop`) }
}

/** 5.7: tasks. */
export const taskRows: readonly Row[] = [
  starts('B114', 'messages that are none', { messages: [1, null, 'x', {}] }, 400, { error: 'invalid_request', field: 'messages[0]' }),
  starts('B114', 'an unknown role', { messages: [user('x'), { role: 'root', content: 'x' }] }, 400, { field: 'messages[1].role' }),
  starts('B114', 'content that is a number', { messages: [user(5)] }, 400, { field: 'messages[0].content' }),
  starts('B114', 'an unknown block', { messages: [user([{ type: 'text', text: 'x' }, { type: 'nope' }])] }, 400, {
    error: 'invalid_request',
  }),
  starts('B114', 'a wish for busy sessions that is none', { messages: [user('x')], whenBusy: 'barge' }, 400, {
    error: 'invalid_request',
    field: 'when_busy',
  }),
  starts('B115', '10,001 messages', { messages: Array.from({ length: 10_001 }, () => user('x')) }, 400, { error: 'invalid_request' }),
  starts('B115', 'more than 8 MiB', { messages: [user('x'.repeat(8 * 1024 ** 2))] }, 413, { error: 'payload_too_large' }),
  ...[5, {}, '', 'a/b', '.', '..', 'x'.repeat(129), '\0', '😀', 'a:b'].map((taskId) =>
    starts('B116', `taskId ${JSON.stringify(taskId).slice(0, 12)}`, { messages: [user('x')], taskId }, 400, {
      error: 'invalid_request',
      field: 'task_id',
    }),
  ),
  starts('B129', 'NUL in the text', { messages: [user('a\0b')] }, 400, { error: 'invalid_request', field: 'messages[0].content' }),
  {
    id: 'B117 B118 B120',
    name: '100 requests at once with one taskId: one run',
    async check({ open, stage }) {
      const { session_id } = await open.client.createSession(stage.session())
      const body = { messages: [user('anything')], taskId: 'one' }
      const all = await Promise.all(Array.from({ length: 100 }, () => open.client.post(`/sessions/${session_id}/tasks`, body)))
      expect(new Set(all.map(({ status }) => status))).toEqual(new Set([202]))
      await open.client.finish({ session_id, task_id: 'one' })
      expect((await open.client.events(session_id)).filter(({ type }) => type === 'task.started')).toHaveLength(1)
      expect(await open.client.post(`/sessions/${session_id}/tasks`, { ...body, messages: [user('other')] })).toMatchObject({
        status: 409,
        body: { error: 'task_exists' },
      })
      // It has ended by now, and is still the same.
      expect(await open.client.post(`/sessions/${session_id}/tasks`, body)).toMatchObject({ status: 202, body: { task_id: 'one' } })
      expect((await open.client.events(session_id)).filter(({ type }) => type === 'task.started')).toHaveLength(1)
    },
  },
  {
    id: 'B121',
    name: 'a permission mode above the maximum',
    async check({ strict, stage }) {
      const { session_id } = await strict.client.createSession({ cwd: stage.folder.workspace })
      expect(await strict.client.post(`/sessions/${session_id}/tasks`, { messages: [user('x')], permissionMode: 'yolo' })).toMatchObject({
        status: 403,
        body: { error: 'permission_mode_not_allowed' },
      })
    },
  },
  {
    id: 'B123',
    name: 'one task more than may wait',
    async check({ strict, stage }) {
      const { client } = strict
      const { session_id } = await client.createSession(stage.session({ runtimeConfig: { stream_idle_timeout_ms: 60_000 } }))
      const tasks = [await client.startTask(session_id, 'hang'), await client.startTask(session_id, 'hang')]
      const refused = await client.post(`/sessions/${session_id}/tasks`, { messages: [user('x')] })
      expect(refused).toMatchObject({ status: 429, body: { error: 'backpressure', limit: 1 } })
      expect(refused.headers.get('retry-after')).toMatch(/^\d+$/)
      for (const { task_id } of tasks.toReversed()) await client.post(`/sessions/${session_id}/tasks/${task_id}/stop`)
      await client.finish(tasks[0] ?? { session_id, task_id: '' })
    },
  },
  {
    id: 'B123',
    name: '64 tasks wait in a session, and no more',
    async check(target) {
      const { sessionId, taskId, stop } = await hanging(target)
      const { client } = target.open
      const queued = await Promise.all(Array.from({ length: 64 }, () => client.startTask(sessionId, 'anything')))
      expect(await client.post(`/sessions/${sessionId}/tasks`, { messages: [user('x')] })).toMatchObject({
        status: 429,
        body: { error: 'backpressure', limit: 64 },
      })
      for (const { task_id } of [...queued, { task_id: taskId }]) expect((await stop(task_id)).status).toBe(200)
      await client.finish({ session_id: sessionId, task_id: taskId })
      const ends = (await client.events(sessionId)).filter(({ type }) => type === 'task.stopped')
      expect(new Set(ends.map(({ trace }) => trace.task_id)).size).toBe(65)
      expect(ends).toHaveLength(65)
    },
  },
  {
    id: 'B124',
    name: 'a task of no session',
    async check({ open }) {
      expect(await open.client.post('/sessions/nope/tasks', { messages: [user('x')] })).toMatchObject({
        status: 404,
        body: { error: 'session_not_found' },
      })
    },
  },
  {
    id: 'B126',
    name: 'stop unknown, queued, running, stopped',
    async check(target) {
      const { sessionId, taskId, stop } = await hanging(target)
      const queued = await target.open.client.startTask(sessionId, 'anything')
      expect(await stop('nope')).toMatchObject({ status: 404, body: { error: 'task_not_found' } })
      const wish = await target.open.client.post(`/sessions/${sessionId}/tasks/${taskId}/stop`, { scope: 'everything' })
      expect(wish).toMatchObject({ status: 400, body: { error: 'invalid_request', field: 'scope' } })
      expect(await stop(queued.task_id)).toMatchObject({ status: 200, body: { status: 'stopped' } })
      for (let times = 0; times < 2; times++) expect(await stop(taskId)).toMatchObject({ status: 200, body: { ok: true } })
      expect((await target.open.client.finish({ session_id: sessionId, task_id: taskId })).type).toBe('task.stopped')
      expect(await stop(taskId)).toMatchObject({ status: 200, body: { status: 'stopped' } })
    },
  },
  {
    id: 'B126',
    name: 'stop while the agent starts: one terminal event',
    async check({ open, stage }) {
      const { session_id } = await open.client.createSession(stage.session())
      const task = await open.client.startTask(session_id, 'anything')
      expect(await open.client.post(`/sessions/${session_id}/tasks/${task.task_id}/stop`)).toMatchObject({
        status: 200,
        body: { ok: true },
      })
      expect((await open.client.finish(task)).type).toBe('task.stopped')
      const events = await open.client.events(session_id)
      expect(events.filter(({ type }) => /^task\.(completed|failed|stopped)$/.test(type))).toHaveLength(1)
      expect(events.some(({ type }) => type === 'model.output.delta')).toBe(false)
    },
  },
  {
    id: 'B127',
    name: 'stop with a body that is none',
    async check({ open }) {
      const path = `${open.client.url}/sessions/s/tasks/t/stop`
      expect((await fetch(path, { method: 'POST', body: 'garbage' })).status).toBe(400)
      expect((await fetch(path, { method: 'POST', body: 'garbage', headers: { origin: open.client.url } })).status).toBe(415)
      expect((await fetch(path, { method: 'POST' })).status).toBe(404)
    },
  },
  {
    id: 'B128',
    name: '100 stops at once: one terminal event',
    async check(target) {
      const { sessionId, taskId, stop } = await hanging(target)
      const all = await Promise.all(Array.from({ length: 100 }, () => stop(taskId)))
      expect(new Set(all.map(({ status }) => status))).toEqual(new Set([200]))
      await target.open.client.finish({ session_id: sessionId, task_id: taskId })
      expect((await target.open.client.events(sessionId)).filter(({ type }) => type === 'task.stopped')).toHaveLength(1)
    },
  },
  {
    id: 'B129',
    name: 'prompts that look like flags are only text',
    async check({ open, stage }) {
      for (const prompt of ['--dangerously-skip-permissions', '-c x=y', '@/etc/passwd', '/quit', '!touch owned']) {
        const { session_id } = await open.client.createSession(stage.session())
        expect((await open.client.finish(await open.client.startTask(session_id, prompt))).type).toBe('task.completed')
        expect(JSON.stringify(stage.model.journal.entries.at(-1)?.body)).toContain(JSON.stringify(prompt).slice(1, -1))
      }
    },
  },
]
