// oxlint-disable vitest/no-standalone-expect -- a row is checked inside of the test that bad-input.test.ts makes of it
import { once } from 'node:events'
import { connect } from 'node:net'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { answers, get, token, type Row, type Target } from './target.ts'

/** The artifact with what a yolo task saw around it. */
async function look({ open, stage }: Pick<Target, 'open' | 'stage'>): Promise<{ sessionId: string; artifactId: string }> {
  const { session_id } = await open.client.createSession(stage.session({ permissionMode: 'yolo' }))
  await open.client.finish(await open.client.startTask(session_id, 'look around'))
  const { payload } = await open.client.event(session_id, 'tool.call.completed')
  return { sessionId: session_id, artifactId: payload.result_ref ?? '' }
}

/** 5.9: bundles, artifacts, metrics. */
export const downloadRows: readonly Row[] = [
  {
    id: 'B012',
    name: 'an agent finds no token of the daemon around it',
    async check({ guarded, stage }) {
      const headers = { authorization: `Bearer ${token}` }
      const create = await guarded.client.post('/sessions', stage.session({ permissionMode: 'yolo' }), headers)
      const path = `/sessions/${create.body.session_id}`
      await guarded.client.post(`${path}/tasks`, { messages: [{ role: 'user', content: 'look around' }] }, headers)
      for await (const frame of guarded.client.frames(`${path}/events?until=idle`, { headers })) expect(frame.data).not.toContain(token)
      const [completed] = (await guarded.client.get(`${path}/events?types=tool.call.completed`, headers)).body.events
      const seen = await guarded.client.get(`/artifacts/${completed.payload.result_ref}`, headers)
      expect(seen.status).toBe(200)
      expect(seen.text).toContain('PATH=')
      expect(seen.text).not.toContain(token)
    },
  },
  ...['/../../x', 'a/b', '..', 'a%0d%0ab', '%22', 'x'.repeat(300), '%00', '%c3%a9', ''].map((id): Row => ({
    id: 'B144',
    name: `task_id=${id.slice(0, 12)}`,
    async check({ open }) {
      const { session_id } = await open.client.createSession({})
      expect(await open.client.get(`/sessions/${session_id}/support-bundle?task_id=${id}`)).toMatchObject({
        status: 400,
        body: { error: 'invalid_request', field: 'task_id' },
      })
    },
  })),
  {
    id: 'B145',
    name: 'a task_id that is well-formed and unknown',
    async check({ open }) {
      const { session_id } = await open.client.createSession({})
      const answer = await fetch(`${open.client.url}/sessions/${session_id}/support-bundle?task_id=nobody`)
      expect(answer.status).toBe(200)
      expect(answer.headers.get('content-disposition')).toContain(`codesdk-support-bundle-${session_id}-nobody.tar.gz`)
      await answer.arrayBuffer()
    },
  },
  answers('B146', 'the bundle of no session', get('/sessions/nope/support-bundle'), 404, 'session_not_found', 'open'),
  {
    id: 'B147',
    name: '20 bundles at once: few are built, the others told to come back, and nothing is left behind',
    async check({ open, stage }) {
      const { session_id } = await open.client.createSession({})
      const all = await Promise.all(
        Array.from({ length: 20 }, async () => {
          const answer = await fetch(`${open.client.url}/sessions/${session_id}/support-bundle`)
          await answer.arrayBuffer()
          return answer.status
        }),
      )
      expect(all).toContain(200)
      expect(all.filter((status) => status !== 200 && status !== 429)).toEqual([])
      await expect.poll(() => readdir(join(stage.folder.dataDir, 'tmp'))).toEqual([])
    },
  },
  {
    id: 'B148',
    name: 'clients that go away early leave no file open and none behind',
    async check({ open, stage }) {
      const { sessionId } = await look({ open, stage })
      const descriptors = async () => (await readdir(`/proc/${open.pid}/fd`)).length
      const leave = async () => {
        const gone = new AbortController()
        const path = `${open.client.url}/sessions/${sessionId}/support-bundle`
        const { status } = await fetch(path, { signal: gone.signal })
        gone.abort()
        return status
      }
      expect([200, 429]).toContain(await leave())
      const before = process.platform === 'linux' ? await descriptors() : 0
      for (let times = 0; times < 20; times++) expect([200, 429]).toContain(await leave())
      await expect.poll(() => readdir(join(stage.folder.dataDir, 'tmp'))).toEqual([])
      if (process.platform === 'linux') await expect.poll(descriptors, { timeout: 10_000 }).toBeLessThanOrEqual(before + 2)
    },
  },
  {
    id: 'B148',
    name: 'clients that go away before they hear anything leave no file open and none behind',
    async check({ open, stage }) {
      const { sessionId } = await look({ open, stage })
      const descriptors = async () => (await readdir(`/proc/${open.pid}/fd`)).length
      const { hostname, port, host } = new URL(open.client.url)
      const leave = async () => {
        const socket = connect({ host: hostname, port: Number(port) })
        await once(socket, 'connect')
        await new Promise((resolve) => socket.write(`GET /sessions/${sessionId}/support-bundle HTTP/1.1\r\nHost: ${host}\r\n\r\n`, resolve))
        socket.destroy()
      }
      await leave()
      const before = process.platform === 'linux' ? await descriptors() : 0
      for (let times = 0; times < 20; times++) await leave()
      await expect.poll(() => readdir(join(stage.folder.dataDir, 'tmp')), { timeout: 10_000 }).toEqual([])
      if (process.platform === 'linux') await expect.poll(descriptors, { timeout: 10_000 }).toBeLessThanOrEqual(before + 2)
    },
  },
  ...['..%2f..%2fetc%2fpasswd', '%2e%2e', 'a'.repeat(31), 'a'.repeat(33), 'A'.repeat(32), `${'a'.repeat(31)}%00`, '%7b%7d'].map((id) =>
    answers('B154', `/artifacts/${id.slice(0, 20)}`, get(`/artifacts/${id}`), 404, 'artifact_not_found', 'open'),
  ),
  {
    id: 'B156',
    name: 'ranges',
    async check(target) {
      const { artifactId } = await look(target)
      const { client } = target.open
      const whole = (await client.get(`/artifacts/${artifactId}`)).text
      const range = (value: string) => client.get(`/artifacts/${artifactId}`, { range: value })
      expect(await range('bytes=0-0')).toMatchObject({ status: 206, text: whole.slice(0, 1) })
      expect((await range('bytes=-5')).status).toBe(206)
      expect(await range('bytes=9-1')).toMatchObject({ status: 416, body: { error: 'range_not_satisfiable' } })
      for (const value of [
        Array.from({ length: 100 }, () => '0-0')
          .join()
          .replace(/^/, 'bytes='),
        'bytes=abc',
      ])
        expect(await range(value)).toMatchObject({ status: 200, text: whole })
      const etag = (await client.get(`/artifacts/${artifactId}`)).headers.get('etag') ?? ''
      expect(await client.get(`/artifacts/${artifactId}`, { 'if-none-match': etag })).toMatchObject({ status: 304, text: '' })
    },
  },
  {
    id: 'B157',
    name: 'bytes that are not what was stored are never served',
    async check(target) {
      const { artifactId } = await look(target)
      const { client } = target.open
      const sha256 = (await client.get(`/artifacts/${artifactId}`)).headers.get('etag')?.slice(1, -1) ?? ''
      await writeFile(join(target.stage.folder.dataDir, 'artifacts', sha256.slice(0, 2), sha256), 'something else')
      expect(await client.get(`/artifacts/${artifactId}`)).toMatchObject({ status: 410, body: { error: 'artifact_corrupt' } })
    },
  },
  ...['__proto__', '', 'x'.repeat(10_000)].flatMap((name) =>
    ['/health', '/capabilities', '/auth/status'].map((path): Row => ({
      id: 'B162',
      name: `${path}?runtime=${name.slice(0, 10)}`,
      async check({ open }) {
        const unknown = await open.client.get(`${path}?runtime=${name}`)
        expect(unknown).toMatchObject({ status: 400, body: { error: 'unknown_runtime', allowed: expect.arrayContaining(['codex-sdk']) } })
        expect(unknown.text.length).toBeLessThan(1_500)
        expect((await open.client.get(`${path}?runtime=codex&runtime=codex`)).status).toBe(400)
      },
    })),
  ),
  {
    id: 'B162',
    name: '100 health checks at once',
    async check({ open }) {
      const all = await Promise.all(Array.from({ length: 100 }, () => open.client.get('/health')))
      expect(new Set(all.map(({ text }) => text)).size).toBe(1)
    },
  },
  {
    id: 'B163',
    name: 'metrics are what Prometheus reads',
    async check({ open }) {
      const { text } = await open.client.get('/metrics')
      for (const line of text.split('\n').filter((one) => one !== ''))
        expect(line).toMatch(/^(?:# (?:HELP|TYPE) .+|[a-z_]+(?:\{(?:[a-z_]+="[^"\\\n]*",?)*\})? -?(?:[0-9.e+-]+|NaN|\+Inf))$/)
    },
  },
]
