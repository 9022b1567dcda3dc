import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { Session } from '@codesdkd/protocol'
import { spawnDaemon } from '../../harness/daemon.ts'
import { beginsLike, type Proofs, type World } from '../world.ts'

interface SessionPage {
  readonly sessions: readonly Session[]
  readonly next_after: string | null
}

export const sessionProofs: Proofs = {
  'GET /sessions': {
    async 'Lists sessions created since daemon start.'({ stage }) {
      const args = ['--data-dir', join(stage.folder.path, 'restart')]
      const first = await spawnDaemon(args)
      const created = [await first.client.createSession({}), await first.client.createSession({})].map(({ session_id }) => session_id)
      expect(await list(first.client, '')).toEqual(created)
      await first.end()
      await using second = await spawnDaemon(args)
      expect(await list(second.client, '')).toEqual([])
      expect(await list(second.client, '?scope=all')).toEqual(created)
    },
    '`limit` (default `100`, max `500`)': provesLimits,
    async '`after` (optional `session_id` cursor)'({ client }) {
      for (let count = 0; count < 5; count++) await client.createSession({})
      const all = await list(client, '?limit=500')
      const seen: string[] = []
      for (let after: string | null = '', pages = 0; after !== null && pages < 500; pages++) {
        const { body }: { body: SessionPage } = await client.get(`/sessions?limit=2${after === '' ? '' : `&after=${after}`}`)
        seen.push(...body.sessions.map(({ session_id }) => session_id))
        after = body.next_after
      }
      expect(seen).toEqual(all)
      expect(await client.get(`/sessions?after=${String(all.at(-1))}`)).toMatchObject({
        status: 200,
        body: { sessions: [], next_after: null },
      })
      for (const unknown of ['nope', '%00', ''])
        expect(await client.get(`/sessions?after=${unknown}`)).toMatchObject({ status: 400, body: { error: 'invalid_cursor' } })
    },
    async '{\n  "sessions":[\n    {"session_id":"...","runtime":"codex-sdk","runtime_session_id":null,"created_at":"..."}\n  ],\n  "next_after":"..."\n}'({
      client,
    }) {
      await client.createSession({})
      const { body } = await client.get('/sessions?limit=1')
      expect(Object.keys(body)).toEqual(['sessions', 'next_after'])
      expect(beginsLike(body.sessions[0], '{"session_id":"...","runtime":"codex-sdk","runtime_session_id":null,"created_at":"..."}')).toBe(
        true,
      )
      expect(body.sessions[0].runtime).toBe('codex-sdk')
    },
  },
  'POST /sessions': {
    async 'Creates a session.'({ client }) {
      const answer = await client.post('/sessions', {})
      expect(answer.status).toBe(201)
      expect((await client.get(`/sessions/${answer.body.session_id}`)).body).toEqual(answer.body)
      expect(await client.events(answer.body.session_id)).toMatchObject([
        { seq: 1, type: 'session.created', trace: { session_id: answer.body.session_id } },
      ])
      const bare = await fetch(`${client.url}/sessions`, { method: 'POST' })
      expect(bare.status).toBe(201)
    },
    async '`runtime` (string runtime name)'({ client }) {
      for (const runtime of ['codex-sdk', 'codex']) expect(await client.createSession({ runtime })).toMatchObject({ runtime: 'codex-sdk' })
      expect(await client.post('/sessions', { runtime: 'nope' })).toMatchObject({
        status: 400,
        body: { error: 'unknown_runtime', allowed: expect.arrayContaining(['codex-sdk']) },
      })
    },
    async '`credentialNamespace` (default: `"default"`)'({ client }) {
      expect(await client.createSession({})).toMatchObject({ credential_namespace: 'default' })
      expect(await client.createSession({ credentialNamespace: 'team-a' })).toMatchObject({ credential_namespace: 'team-a' })
      expect(await client.createSession({ credential_namespace: 'team-a' })).toMatchObject({ credential_namespace: 'team-a' })
    },
    async '`isolationLevel` / `isolationMode`'({ client }) {
      expect(await client.createSession({ isolationLevel: 'shared' })).toMatchObject({ isolation_level: 'shared' })
      expect(await client.createSession({ isolationLevel: 'ephemeral', isolationMode: 'subprocess' })).toMatchObject({
        isolation_level: 'ephemeral',
      })
      expect(await client.post('/sessions', { isolationLevel: 'xyz' })).toMatchObject({
        status: 400,
        body: { allowed: ['shared', 'namespaced', 'ephemeral'] },
      })
      expect(await client.post('/sessions', { isolationMode: 'in_process' })).toMatchObject({
        status: 400,
        body: { error: 'unsupported_isolation_mode' },
      })
    },
    '`cwd`, `env`': provesPlace,
    async '`model`'({ client, stage }) {
      const session = await client.createSession(stage.session({ model: 'gpt-5.5' }))
      expect(session.model).toBe('gpt-5.5')
      await client.finish(await client.startTask(session.session_id, 'say hello'))
      expect(stage.model.journal.entries.at(-1)?.body).toMatchObject({ model: 'gpt-5.5' })
    },
    async '`permissionMode` (`auto|ask|yolo`)'({ client }) {
      for (const mode of ['auto', 'ask', 'yolo'])
        expect(await client.createSession({ permissionMode: mode })).toMatchObject({ permission_mode: mode })
      expect(await client.post('/sessions', { permissionMode: 'root' })).toMatchObject({
        status: 400,
        body: { error: 'invalid_request', allowed: ['auto', 'ask', 'yolo'] },
      })
    },
    async '`runtimeConfig` (runtime-specific object)'({ client, stage }) {
      const before = stage.model.journal.entries.length
      const session = await client.createSession(stage.session())
      await client.finish(await client.startTask(session.session_id, 'say hello'))
      // The session's runtimeConfig is what sends Codex to this model.
      expect(stage.model.journal.entries.length).toBeGreaterThan(before)
      expect((await client.post('/sessions', { runtimeConfig: [] })).status).toBe(400)
    },
    async '{"session_id":"...","runtime":"codex-sdk","runtime_session_id":null,"created_at":"..."}'({ client }) {
      const { body } = await client.post('/sessions', {})
      expect(beginsLike(body, '{"session_id":"...","runtime":"codex-sdk","runtime_session_id":null,"created_at":"..."}')).toBe(true)
      expect(body).toMatchObject({ session_id: expect.any(String), runtime: 'codex-sdk', runtime_session_id: null })
      expect(new Date(body.created_at).toISOString()).toBe(body.created_at)
    },
  },
  'GET /sessions/<sessionId>': {
    async 'Returns basic session metadata:'({ client }) {
      const session = await client.createSession({ title: 'A title' })
      expect(await client.get(`/sessions/${session.session_id}`)).toMatchObject({ status: 200, body: session })
      expect(await client.get('/sessions/nope')).toMatchObject({ status: 404, body: { error: 'session_not_found' } })
    },
    async '{"session_id":"...","runtime":"codex-sdk","created_at":"..."}'({ client }) {
      const { session_id, created_at } = await client.createSession({})
      expect((await client.get(`/sessions/${session_id}`)).body).toMatchObject({ session_id, runtime: 'codex-sdk', created_at })
    },
  },
}

async function list(client: World['client'], query: string): Promise<readonly string[]> {
  const { body }: { body: SessionPage } = await client.get(`/sessions${query}`)
  return body.sessions.map(({ session_id }) => session_id)
}

async function provesLimits({ stage }: World): Promise<void> {
  await using daemon = await spawnDaemon(['--data-dir', join(stage.folder.path, 'many')])
  const { client } = daemon
  for (let made = 0; made < 501; made += 3) await Promise.all([1, 2, 3].map(() => client.createSession({})))
  expect(await list(client, '')).toHaveLength(100)
  expect(await list(client, '?limit=7')).toHaveLength(7)
  expect(await list(client, '?limit=500')).toHaveLength(500)
  expect(await list(client, '?limit=501')).toHaveLength(500)
  for (const limit of ['0', '-1', '1.5', 'x', '', '1e2']) expect((await client.get(`/sessions?limit=${limit}`)).status).toBe(400)
}

async function provesPlace({ client, stage }: World): Promise<void> {
  const cwd = join(stage.folder.workspace, 'inner')
  await mkdir(cwd, { recursive: true })
  const session = await client.createSession(stage.session({ cwd, env: { GREETING: 'hello there' }, permissionMode: 'yolo' }))
  expect(session.cwd).toBe(cwd)
  await client.finish(await client.startTask(session.session_id, 'where am I'))
  expect(await stage.folder.read('inner/where.txt')).toBe(`${cwd}\nhello there\n`)
  expect(await client.createSession({})).toMatchObject({ cwd: stage.folder.workspace })
  expect(await client.post('/sessions', { cwd: '/' })).toMatchObject({ status: 403, body: { error: 'cwd_not_allowed' } })
  expect(await client.post('/sessions', { env: { LD_PRELOAD: 'x' } })).toMatchObject({ status: 400, body: { error: 'invalid_env' } })
}
