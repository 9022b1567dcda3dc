import { expect } from 'vitest'
import type { Answer } from '../../harness/client.ts'
import type { Row, Target } from './target.ts'

const user = (content: unknown) => ({ role: 'user', content })

interface Wish {
  readonly name: string
  readonly body?: unknown
  readonly status: number
  readonly member?: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string>>
}

/** A request to a session that is there; what it is stays as it was. */
const refuses = (id: string, method: string, suffix: string, { name, body, status, member = {}, headers = {} }: Wish): Row => ({
  id,
  name: `${method} …${suffix.slice(0, 30)}: ${name}`,
  async check({ open: { client } }) {
    const { session_id } = await client.createSession({ title: 'as it was' })
    const path = `/sessions/${session_id}`
    const before = (await client.get(path)).text
    expect(await client.request(method, path + suffix, body, headers)).toMatchObject({ status, body: member })
    expect((await client.get(path)).text).toBe(before)
  },
})

const invalid = (name: string, body: unknown, field?: string): Wish => ({
  name,
  body,
  status: 400,
  member: { error: 'invalid_request', ...(field === undefined ? {} : { field }) },
})

/** A task that waits, so that what needs an idle session is refused. */
async function busy({ stage, open: { client } }: Target): Promise<{ readonly path: string; stop(): Promise<Answer> }> {
  const { session_id } = await client.createSession(stage.session({ runtimeConfig: { stream_idle_timeout_ms: 60_000 } }))
  const { task_id } = await client.startTask(session_id, 'hang')
  const path = `/sessions/${session_id}`
  return { path, stop: () => client.post(`${path}/tasks/${task_id}/stop`) }
}

/** Changing, deleting, handing on and copying a session, and reading it as a conversation; the list that the project was given has none of them. */
export const successionRows: readonly Row[] = [
  ...[
    invalid('an object for a title', { title: {} }, 'title'),
    invalid('a title of 257 characters', { title: 'x'.repeat(257) }, 'title'),
    invalid('metadata that are a list', { metadata: [] }, 'metadata'),
    invalid('a number in metadata', { metadata: { a: 5 } }),
    invalid('__proto__ in metadata', JSON.parse('{"metadata":{"__proto__":"x"}}')),
    invalid('an unknown mode', { permissionMode: 'root' }, 'permission_mode'),
    invalid('two spellings that differ', { permissionMode: 'ask', permission_mode: 'auto' }),
    invalid('a text for a switch', { archived: 'yes' }, 'archived'),
    invalid('a model of 257 characters', { model: 'x'.repeat(257) }, 'model'),
    invalid('a list', []),
  ].map((wish) => refuses('C001', 'PATCH', '', wish)),
  {
    id: 'C001',
    name: 'PATCH of what cannot be changed changes nothing and says so',
    async check({ open: { client } }) {
      const { session_id } = await client.createSession({})
      const answer = await client.request('PATCH', `/sessions/${session_id}`, {
        session_id: 'other',
        cwd: '/',
        env: { A: 'b' },
        last_seq: 0,
      })
      expect(answer).toMatchObject({ status: 200, body: { session_id } })
      expect(answer.headers.get('x-codesdkd-ignored-fields')).toBe('session_id, cwd, env, last_seq')
    },
  },
  {
    id: 'C001',
    name: 'PATCH to a mode above the maximum',
    async check({ strict: { client }, stage }) {
      const { session_id } = await client.createSession({ cwd: stage.folder.workspace })
      expect(await client.request('PATCH', `/sessions/${session_id}`, { permissionMode: 'yolo' })).toMatchObject({
        status: 403,
        body: { error: 'permission_mode_not_allowed' },
      })
    },
  },
  ...['stop=yes', 'stop=1', 'stop=true&stop=true', 'stop='].map((query) =>
    refuses('C002', 'DELETE', `?${query}`, {
      name: 'a wish that is none',
      status: 400,
      member: { error: 'invalid_request', field: 'stop' },
    }),
  ),
  {
    id: 'C002',
    name: 'DELETE while a task is open; twice; and what is asked of it afterwards',
    async check(target) {
      const { client } = target.open
      const { path, stop } = await busy(target)
      expect(await client.request('DELETE', path)).toMatchObject({ status: 409, body: { error: 'session_busy' } })
      await stop()
      expect((await client.request('DELETE', `${path}?stop=true`)).status).toBe(204)
      const gone = { status: 404, body: { error: 'session_not_found' } }
      expect(await client.request('DELETE', path)).toMatchObject(gone)
      expect(await client.request('PATCH', path, { title: 'x' })).toMatchObject(gone)
      for (const rest of ['', '/events', '/transcript', '/tasks', '/support-bundle'])
        expect(await client.get(path + rest)).toMatchObject(gone)
      for (const rest of ['/fork', '/tasks']) expect(await client.post(path + rest, { messages: [user('x')] })).toMatchObject(gone)
      expect(await client.post(`${path}/handoff`, { runtime: 'codex' })).toMatchObject(gone)
    },
  },
  ...[
    invalid('to nobody', {}, 'runtime'),
    invalid('to a number', { runtime: 5 }, 'runtime'),
    { name: 'to an unknown runtime', body: { runtime: '__proto__' }, status: 400, member: { error: 'unknown_runtime' } },
    {
      name: 'with a variable of the loader',
      body: { runtime: 'codex', env: { LD_PRELOAD: 'x' } },
      status: 400,
      member: { error: 'invalid_env' },
    },
    invalid('with settings that are text', { runtime: 'codex', runtimeConfig: 'x' }, 'runtime_config'),
    invalid('with __proto__ in its settings', JSON.parse('{"runtime":"codex","runtimeConfig":{"__proto__":{}}}')),
    invalid('with an unknown hosting', { runtime: 'codex', isolationMode: 'root' }, 'isolation_mode'),
  ].map((wish) => refuses('C003', 'POST', '/handoff', wish)),
  {
    id: 'C003',
    name: 'POST …/handoff while a task is open',
    async check(target) {
      const { path, stop } = await busy(target)
      expect(await target.open.client.post(`${path}/handoff`, { runtime: 'codex' })).toMatchObject({
        status: 409,
        body: { error: 'session_busy' },
      })
      await stop()
    },
  },
  ...[
    ...[0, -1, 1.5, '1', 2 ** 53, null].map((after_seq) => invalid(`after ${String(after_seq)}`, { after_seq }, 'after_seq')),
    invalid('after what has not come yet', { after_seq: 99 }),
    invalid('with a title of 257 characters', { title: 'x'.repeat(257) }, 'title'),
    invalid('two spellings that differ', { after_seq: 1, afterSeq: 2 }),
    invalid('with a key of 300 characters', {}, undefined),
  ].map((wish, index, all) =>
    refuses('C004', 'POST', '/fork', index === all.length - 1 ? { ...wish, headers: { 'idempotency-key': 'x'.repeat(300) } } : wish),
  ),
  {
    id: 'C004',
    name: 'POST …/fork: one key for two wishes',
    async check({ open: { client } }) {
      const { session_id } = await client.createSession({})
      const fork = (title: string) => client.post(`/sessions/${session_id}/fork`, { title }, { 'idempotency-key': `fork-${session_id}` })
      const [first, again, other] = [await fork('a'), await fork('a'), await fork('b')]
      expect([first.status, again.status, other.status]).toEqual([201, 201, 422])
      expect(again.body.session_id).toBe(first.body.session_id)
      expect(other.body.error).toBe('idempotency_key_reused')
    },
  },
  ...[
    ['after=nope', 'invalid_cursor'],
    ['after=%00', 'invalid_cursor'],
    ['limit=0', 'invalid_request'],
    ['limit=-1', 'invalid_request'],
    ['limit=1&limit=2', 'invalid_request'],
    ['task_id=..%2f', 'invalid_request'],
  ].map(([query, error]) =>
    refuses('C005', 'GET', `/transcript?${query}`, { name: 'a wish that is none', status: 400, member: { error } }),
  ),
  refuses('C005', 'GET', '/transcript?task_id=nobody', { name: 'of no task', status: 404, member: { error: 'task_not_found' } }),
  ...Object.entries({
    'a text': 'x',
    'a list': [],
    'a schema from elsewhere': { $ref: 'http://127.0.0.1:1/x' },
    'a schema that is none': { type: 'nonsense' },
    'a pattern that is none': { type: 'object', properties: { a: { pattern: '(' } } },
  }).map(([name, outputSchema]) =>
    refuses('C006', 'POST', '/tasks', { name: `outputSchema: ${name}`, body: { messages: [user('x')], outputSchema }, status: 400 }),
  ),
  ...Object.entries({
    'when_busy: a number': { whenBusy: 5 },
    'a time limit of nothing': { timeoutMs: 0 },
    'a time limit beyond all': { timeoutMs: 2 ** 31 },
    'an approval time limit that is text': { approvalTimeoutMs: '5' },
  }).map(([name, more]) => refuses('C007', 'POST', '/tasks', invalid(name, { messages: [user('x')], ...more }))),
]
