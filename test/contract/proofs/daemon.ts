import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer, request, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect } from 'vitest'
import { authStatus, capabilities, health } from '@codesdkd/protocol'
import { spawnDaemon } from '../../harness/daemon.ts'
import { planted, type Proofs, type World } from '../world.ts'

const executable = join(import.meta.dirname, '../../../packages/daemon/bin/codesdkd.js')

export const daemonProofs: Proofs = {
  'CodeSDK Daemon API (codesdkd)': {
    '`codesdkd` is a local HTTP daemon intended to be embedded as a subprocess (e.g. by GoodFarmingAI Control Hub) and proxied under a single origin.':
      provesEmbedding,
    'All JSON fields use `snake_case`.': provesSnakeCase,
  },
  'Base URL': {
    async 'The daemon binds to `http://<host>:<port>`.'({ stage }) {
      const port = await freePort()
      await using daemon = await spawnDaemon(['--data-dir', join(stage.folder.path, 'bind'), '--host', '127.0.0.1', '--port', String(port)])
      expect(daemon.client.url).toBe(`http://127.0.0.1:${port}`)
      expect((await daemon.client.get('/livez')).status).toBe(200)
    },
    async 'When started with `--port 0`, it prints the actual URL as JSON to stdout:'({ stage }) {
      const printed = await standardOutput(['--data-dir', join(stage.folder.path, 'port-0'), '--port', '0'], async (url) => {
        expect((await fetch(`${url}/livez`)).status).toBe(200)
      })
      expect(printed).toMatch(/^\{"url":"http:\/\/127\.0\.0\.1:[1-9]\d*"\}\n$/)
    },
    async '{"url":"http://127.0.0.1:12345"}'({ daemon }) {
      expect(daemon.client.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    },
  },
  'GET /health': {
    async 'Returns runtime health for the selected runtime (default runtime unless `?runtime=<name>` is provided).'({ client }) {
      const answer = await client.get('/health')
      expect(answer.status).toBe(200)
      expect(health.parse(answer.body)).toMatchObject({
        runtime: 'codex-sdk',
        installed: true,
        version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      })
      await selectsRuntime(client, '/health', ['checked_at'])
    },
  },
  'GET /capabilities': {
    async 'Returns runtime capability flags for the selected runtime (default runtime unless `?runtime=<name>` is provided).'({ client }) {
      const answer = await client.get('/capabilities')
      expect(answer.status).toBe(200)
      expect(capabilities.parse(answer.body)).toMatchObject({
        runtime: 'codex-sdk',
        supports_streaming: true,
        supports_tool_calls: true,
        supports_stop: true,
      })
      await selectsRuntime(client, '/capabilities')
    },
  },
  'GET /auth/status': {
    'Returns safe auth status metadata for the selected runtime (default runtime unless `?runtime=<name>` is provided).': provesAuthStatus,
  },
}

async function provesEmbedding({ stage }: World): Promise<void> {
  const flags = ['--base-path', '/codesdkd', '--allow-host', 'hub.test', '--allow-origin', 'https://hub.test', '--parent-watch', 'stdin']
  await using daemon = await spawnDaemon(['--data-dir', join(stage.folder.path, 'embedded'), ...flags])
  const hub = createServer((incoming, outgoing) => {
    const inner = request(
      daemon.client.url + (incoming.url ?? ''),
      { method: incoming.method ?? 'GET', headers: incoming.headers },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(outgoing)
      },
    )
    outgoing.on('close', () => inner.destroy())
    inner.on('error', () => outgoing.destroy())
    incoming.pipe(inner)
  })
  await once(hub.listen(0, '127.0.0.1'), 'listening')
  const address = hub.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  // What a page of https://hub.test sends.
  const page = { host: 'hub.test', origin: 'https://hub.test', 'sec-fetch-site': 'same-origin', 'content-type': 'application/json' }
  const call = (method: string, path: string, body = '', headers = {}) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      request({ host: '127.0.0.1', port, method, path: `/codesdkd${path}`, headers: { ...page, ...headers } }, resolve)
        .on('error', reject)
        .end(body)
    })
  const created = await call('POST', '/sessions', JSON.stringify({ cwd: stage.folder.workspace }))
  expect(created.statusCode).toBe(201)
  const { session_id }: { session_id: string } = JSON.parse(await text(created))
  const stream = await call('GET', `/sessions/${session_id}/events`, '', { accept: 'text/event-stream' })
  stream.setEncoding('utf8')
  expect(String(await once(stream, 'data'))).toContain('event: ready')
  stream.destroy()
  hub.close()
  hub.closeAllConnections()
  daemon.child.stdin?.end()
  expect(await once(daemon.child, 'exit')).toEqual([0, null])
}

/** Below these, names are the agent's, the host's or the file system's. */
const foreign = new Set(['input', 'data', 'metadata', 'runtime_config', 'schema', 'limits', 'changed'])

async function provesSnakeCase({ client, received, bigRun }: World): Promise<void> {
  const { sessionId, taskId } = await bigRun()
  await Promise.all(
    [
      '/',
      '/health',
      '/capabilities',
      '/auth/status',
      '/status',
      '/sessions',
      '/approvals',
      '/questions',
      '/runtimes',
      `/sessions/${sessionId}`,
      `/sessions/${sessionId}/events`,
      `/sessions/${sessionId}/tasks`,
      `/sessions/${sessionId}/tasks/${taskId}`,
      '/nope',
      '/sessions?limit=x',
    ].map((path) => client.get(path)),
  )
  const names = new Set(received.flatMap((value) => namesIn(value)))
  expect(names.size).toBeGreaterThan(100)
  expect([...names].filter((name) => !/^[a-z0-9]+(?:_[a-z0-9]+)*$/.test(name))).toEqual([])
}

function namesIn(value: unknown): readonly string[] {
  if (typeof value !== 'object' || value === null) return []
  if (Array.isArray(value)) return value.flatMap(namesIn)
  return Object.entries(value).flatMap(([name, item]) => [name, ...(foreign.has(name) ? [] : namesIn(item))])
}

/** Without a name the default runtime answers, with its name the same one; an alias is a name too, and an unknown name is told what there is. */
async function selectsRuntime(client: World['client'], path: string, changing: readonly string[] = []): Promise<void> {
  const bodies = await Promise.all(
    ['', '?runtime=codex-sdk', '?runtime=codex'].map(async (query): Promise<object> => (await client.get(path + query)).body),
  )
  const [byDefault, ...named] = bodies.map((body) => Object.fromEntries(Object.entries(body).filter(([name]) => !changing.includes(name))))
  for (const one of named) expect(one).toEqual(byDefault)
  for (const name of ['nope', '__proto__', 'constructor']) {
    expect(await client.get(`${path}?runtime=${name}`)).toMatchObject({
      status: 400,
      body: { error: 'unknown_runtime', allowed: expect.arrayContaining(['codex-sdk']) },
    })
  }
}

async function provesAuthStatus({ stage, client }: World): Promise<void> {
  expect((await client.get('/auth/status')).status).toBe(200)
  await selectsRuntime(client, '/auth/status')
  const home = join(stage.folder.path, 'home')
  await mkdir(join(home, '.codex'), { recursive: true })
  await writeFile(join(home, '.codex', 'auth.json'), JSON.stringify({ OPENAI_API_KEY: planted, tokens: null }), { mode: 0o600 })
  await using daemon = await spawnDaemon(['--data-dir', join(stage.folder.path, 'auth')], { HOME: home, CODEX_HOME: join(home, '.codex') })
  const { body, text: whole } = await daemon.client.get('/auth/status')
  expect(authStatus.parse(body)).toMatchObject({ ok: true, runtime: 'codex-sdk', logged_in: true })
  expect(whole).not.toContain(planted)
  expect(whole).not.toContain(home)
}

async function freePort(): Promise<number> {
  const server = createServer()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** Everything a daemon writes to stdout from its start to its end. */
async function standardOutput(args: readonly string[], meanwhile: (url: string) => Promise<void>): Promise<string> {
  const child = spawn(process.execPath, [executable, ...args], { stdio: ['pipe', 'pipe', 'ignore'] })
  let printed = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    printed += chunk
  })
  await once(child.stdout, 'data')
  const { url }: { url: string } = JSON.parse(printed)
  await meanwhile(url)
  child.kill()
  await once(child, 'close')
  return printed
}
