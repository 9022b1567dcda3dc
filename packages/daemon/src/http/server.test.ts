import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { request } from 'node:http'
import { Script } from 'node:vm'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { Problem } from '@codesdkd/protocol'
import type { EventLog } from '../core/ports.ts'
import { createHttpServer } from './server.ts'
import { openEdge, type TestEdge } from './testing/edge.ts'
import { appendEvents } from './testing/events.ts'
import { openSocket, sendRaw } from './testing/raw.ts'

let edge: TestEdge
let url: string

beforeAll(async () => {
  edge = await openEdge()
  url = edge.server.url
  await appendEvents(edge.log, 's1', 3)
})
afterAll(() => edge[Symbol.asyncDispose]())

const post = (path: string, body: string, headers: Record<string, string> = {}) => fetch(url + path, { method: 'POST', body, headers })

describe('answers', () => {
  test.each(['/', '/nope', '/sessions/nope', '/docs', '/metrics', '/openapi.json', '/events?until=idle'])(
    '%s carries the headers that keep browsers out',
    async (path) => {
      const { headers } = await fetch(url + path)
      expect(headers.get('x-content-type-options')).toBe('nosniff')
      expect(headers.get('cross-origin-resource-policy')).toBe('same-origin')
      expect(headers.get('content-security-policy')).toContain("default-src 'none'")
      expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
      expect(headers.get('cache-control')).toContain('no-store')
      expect(headers.get('referrer-policy')).toBe('no-referrer')
      expect(headers.get('vary')).toBe('Origin')
      expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
      expect(headers.get('access-control-allow-origin')).toBeNull()
    },
  )

  test('a failure is a problem with the request id of the header', async () => {
    const answer = await fetch(`${url}/sessions/nope`)
    expect(answer.status).toBe(404)
    expect(answer.headers.get('content-type')).toBe('application/problem+json')
    expect(await answer.json()).toMatchObject({
      type: 'urn:codesdkd:error:session_not_found',
      error: 'session_not_found',
      status: 404,
      request_id: answer.headers.get('x-request-id'),
    })
  })

  test('HEAD has the headers of GET and no body', async () => {
    for (const path of ['/health', '/sessions', '/openapi.json', '/docs', '/nope']) {
      const [get, head] = await Promise.all([fetch(url + path), fetch(url + path, { method: 'HEAD' })])
      expect(head.status).toBe(get.status)
      expect(await head.text()).toBe('')
      for (const name of ['content-type', 'content-length', 'allow']) expect(head.headers.get(name)).toBe(get.headers.get(name))
    }
  })

  test('HEAD on a stream ends at once and takes no place', async () => {
    const answer = await fetch(`${url}/sessions/s1/events?stream=1`, { method: 'HEAD' })
    expect(answer.headers.get('content-type')).toBe('text/event-stream')
    expect(edge.streams.open).toBe(0)
  })

  test('100 pipelined requests get 100 answers in order', async () => {
    const socket = openSocket(url)
    const paths = Array.from({ length: 100 }, (_unused, index) => (index % 2 === 0 ? '/livez' : '/nope'))
    socket.write(
      paths
        .map((path, index) => `GET ${path} HTTP/1.1\r\nHost: ${new URL(url).host}\r\n${index === 99 ? 'Connection: close\r\n' : ''}\r\n`)
        .join(''),
    )
    const statuses = [...(await text(socket)).matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)
    expect(statuses).toEqual(paths.map((path) => (path === '/livez' ? '200' : '404')))
  })

  test('an unexpected failure is a 500 that says nothing; the log says all under its id', async () => {
    const broken = await openEdge((base) => ({
      sessions: {
        ...base.sessions,
        get: () => {
          throw new Error('secret detail at /home/x')
        },
      },
    }))
    const answer = await fetch(`${broken.server.url}/sessions/s1`)
    const body = await answer.text()
    expect(answer.status).toBe(500)
    expect(body).not.toContain('secret detail')
    expect(JSON.parse(body)).toMatchObject({ error: 'server_error', retryable: true })
    const id = answer.headers.get('x-request-id')
    expect(broken.logged.some((line) => line.includes('secret detail') && line.includes(String(id)))).toBe(true)
    await broken[Symbol.asyncDispose]()
  })

  test('a failure that may pass says when to try again', async () => {
    const full = await openEdge((base) => ({
      sessions: {
        ...base.sessions,
        submit: async () => {
          throw new Problem('backpressure', '64 tasks wait.', { members: { limit: 64 }, retryAfter: 3 })
        },
      },
    }))
    const answer = await fetch(`${full.server.url}/sessions/s1/tasks`, {
      method: 'POST',
      body: '{"messages":[{"role":"user","content":"x"}]}',
    })
    expect(answer.status).toBe(429)
    expect(answer.headers.get('retry-after')).toBe('3')
    expect(await answer.json()).toMatchObject({ error: 'backpressure', limit: 64, retryable: true })
    await full[Symbol.asyncDispose]()
  })
})

describe('bodies', () => {
  test('both spellings arrive as one, unknown fields are told', async () => {
    const answer = await post(
      '/sessions',
      '{"credentialNamespace":"a","permission_mode":"ask","runtimeConfig":{"camelKey":1},"newField":1,"x\\ny":2}',
    )
    expect(answer.status).toBe(201)
    expect(answer.headers.get('x-codesdkd-ignored-fields')).toBe('newField, x%0Ay')
    expect(edge.calls.at(-1)).toMatchObject({
      operation: 'create',
      arguments: [{ credential_namespace: 'a', permission_mode: 'ask', runtime_config: { camelKey: 1 } }, {}],
    })
  })

  test('what comes from a browser must be application/json, what comes from elsewhere need not', async () => {
    const types = [
      undefined,
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'application/json; charset=latin1',
      'application/jsonx',
    ]
    for (const type of types) {
      const headers = type === undefined ? {} : { 'content-type': type }
      const plain = await rawPost('/sessions', '{}', headers)
      expect(plain.status).toBe(201)
      for (const sign of [{ origin: url }, { 'sec-fetch-site': 'same-origin' }, { 'sec-fetch-dest': 'empty' }]) {
        expect((await rawPost('/sessions', '{}', { ...headers, ...sign })).status).toBe(415)
      }
    }
    for (const type of ['application/json', 'application/json; charset=utf-8', 'Application/JSON;charset="UTF-8"']) {
      expect((await rawPost('/sessions', '{}', { origin: url, 'content-type': type })).status).toBe(201)
    }
  })

  test('a compressed body is refused', async () => {
    expect((await rawPost('/sessions', '{}', { 'content-encoding': 'gzip' })).status).toBe(415)
    expect((await rawPost('/sessions', '{}', { 'content-encoding': 'identity' })).status).toBe(201)
  })

  test('a field that is wrong is named, with what is allowed', async () => {
    expect(await (await post('/sessions', '{"permissionMode":"root"}')).json()).toMatchObject({
      error: 'invalid_request',
      field: 'permission_mode',
      allowed: ['auto', 'ask', 'yolo'],
    })
    expect(
      await (await post('/sessions/s1/tasks', '{"messages":[{"role":"user","content":"x"},{"role":"x","content":"y"}]}')).json(),
    ).toMatchObject({ field: 'messages[1].role' })
    expect(await (await post('/sessions/s1/tasks', '{"messages":[{"role":"user","content":"a\\u0000b"}]}')).json()).toMatchObject({
      field: 'messages[0].content',
    })
    expect(
      await (await post('/sessions/s1/tasks', '{"messages":[{"role":"user","content":"x"}],"toolManifest":[{"name":"no spaces"}]}')).json(),
    ).toMatchObject({ field: expect.stringContaining('tool_manifest') })
  })

  test('exactly the limit passes, one byte more does not, and the refusal can be read', async () => {
    const limit = edge.context.limits.bodyBytes
    const body = `{"title":"x"${' '.repeat(limit - 13)}}`
    expect((await post('/sessions', body)).status).toBe(201)
    const refused = await post('/sessions', `${body} `)
    expect(refused.status).toBe(413)
    expect(await refused.json()).toMatchObject({ error: 'payload_too_large', limit })
  })

  test('a chunked body is counted as it comes', async () => {
    const answer = await new Promise<{ status: number; body: string }>((resolve, reject) => {
      const outgoing = request(`${url}/sessions`, { method: 'POST', headers: { 'transfer-encoding': 'chunked' } }, (incoming) => {
        text(incoming).then((body) => resolve({ status: incoming.statusCode ?? 0, body }), reject)
      })
      outgoing.on('error', reject)
      outgoing.write(' '.repeat(1024 ** 2))
      outgoing.end(' '.repeat(512 * 1024))
    })
    expect(answer).toMatchObject({ status: 413 })
    expect(JSON.parse(answer.body)).toMatchObject({ error: 'payload_too_large' })
  })

  test('who asks before sending a body that is too long is told at once', async () => {
    const answer = await sendRaw(url, 'POST /sessions HTTP/1.1\r\nHost: {host}\r\nContent-Length: 99999999\r\nExpect: 100-continue\r\n\r\n')
    expect(answer).toMatchObject({ status: 413 })
    expect(
      (await sendRaw(url, 'POST /sessions HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n{}'))?.status,
    ).toBe(100)
  })

  test('a body that ends early reaches nobody', async () => {
    const before = edge.calls.length
    const socket = openSocket(url)
    socket.end(`POST /sessions HTTP/1.1\r\nHost: ${new URL(url).host}\r\nContent-Length: 50\r\n\r\n{}`)
    await text(socket)
    expect(edge.calls).toHaveLength(before)
    expect(edge.logged.filter((line) => line.includes('"stack"'))).toEqual([])
  })
})

function rawPost(path: string, body: string, headers: Record<string, string>): Promise<{ status: number }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url + path, { method: 'POST', headers }, (incoming) => {
      incoming.resume()
      incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0 }))
    })
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

describe('event streams over a connection', () => {
  test('for a client that stops reading nothing is read ahead; it is closed after a while, and what it missed is still there', async () => {
    let pages = 0
    const slow = await openEdge((base) => ({
      limits: { ...base.limits, stallMs: 200 },
      log: counting(base.log, () => {
        pages += 1
      }),
    }))
    for (let batch = 0; batch < 40; batch++) await appendEvents(slow.log, 'big', 1_000, ['runtime.notice'], 1_000)
    const socket = openSocket(slow.server.url)
    socket.pause()
    socket.write(`GET /sessions/big/events?stream=1 HTTP/1.1\r\nHost: ${new URL(slow.server.url).host}\r\n\r\n`)
    await expect.poll(() => slow.streams.open).toBe(1)
    await expect.poll(() => slow.streams.open, { timeout: 10_000 }).toBe(0)
    socket.destroy()
    // Of some 700; what the system buffers by itself is a tenth.
    expect(pages).toBeLessThan(200)
    const page = await (await fetch(`${slow.server.url}/sessions/big/events?after_seq=39999`)).json()
    expect(page).toMatchObject({ next_seq: 40_000, has_more: false })
    await slow[Symbol.asyncDispose]()
  })

  test('a slow client is never dropped for being slow', async () => {
    const slow = await openEdge((base) => ({ limits: { ...base.limits, stallMs: 500 } }))
    for (let batch = 0; batch < 10; batch++) await appendEvents(slow.log, 'big', 2_000)
    const answer = await fetch(`${slow.server.url}/sessions/big/events?stream=1&until=idle`)
    const reader = answer.body?.getReader()
    let bytes = 0
    for (let chunk = await reader?.read(); chunk?.done === false; chunk = await reader?.read()) {
      bytes += chunk.value.length
      await new Promise((resolve) => setImmediate(resolve))
    }
    const stored = slow.log.read('big', 0, 1)[0]?.json.length ?? 0
    expect(bytes).toBeGreaterThan(20_000 * stored)
    await slow[Symbol.asyncDispose]()
  })

  test('more streams than allowed are refused with a problem, and places come back', async () => {
    const few = await openEdge((base) => ({ limits: { ...base.limits, sseClients: 1 } }))
    await appendEvents(few.log, 's1', 1)
    const first = new AbortController()
    await fetch(`${few.server.url}/events`, { signal: first.signal })
    const refused = await fetch(`${few.server.url}/sessions/s1/events`, { headers: { accept: 'text/event-stream' } })
    expect(refused.status).toBe(429)
    expect(refused.headers.get('retry-after')).toBe('1')
    expect(await refused.json()).toMatchObject({ error: 'sse_limit', limit: 1, current: 1, scope: 'daemon' })
    first.abort()
    await expect.poll(() => few.streams.open).toBe(0)
    expect((await fetch(`${few.server.url}/events?until=idle`)).status).toBe(200)
    await few[Symbol.asyncDispose]()
  })

  test('a closing server ends streams with a comment and lets nobody wait', async () => {
    const closing = await openEdge()
    await appendEvents(closing.log, 's1', 1)
    const answer = await fetch(`${closing.server.url}/events`)
    const [body] = await Promise.all([answer.text(), closing.server[Symbol.asyncDispose]()])
    expect(body.endsWith(': closing\n\n')).toBe(true)
    await closing[Symbol.asyncDispose]()
  })

  test('a connection that asks nothing does not hold up the end', async () => {
    await using closing = await openEdge()
    const spare = openSocket(closing.server.url)
    await once(spare, 'connect')
    // Connections are accepted in order: now the server has both.
    await (await fetch(`${closing.server.url}/livez`)).text()
    // The grace period never passes.
    vi.useFakeTimers({ toFake: ['setTimeout'] })
    try {
      await closing.server[Symbol.asyncDispose]()
    } finally {
      vi.useRealTimers()
      spare.destroy()
    }
  })

  test.each([
    ['text/event-stream', '', 'text/event-stream'],
    ['text/html, text/event-stream;q=0.5', '', 'text/event-stream'],
    ['text/event-stream;q=0', '', 'application/json'],
    ['text/event-stream; q=0.000', '', 'application/json'],
    ['*/*', '', 'application/json'],
    ['*/*', '?stream=1', 'text/event-stream'],
    ['text/event-stream', '?stream=0', 'application/json'],
    ['*/*', '?stream=2', 'application/problem+json'],
    ['*/*', '?stream=true', 'application/problem+json'],
  ])('Accept: %s%s -> %s', async (accept, query, type) => {
    const gone = new AbortController()
    const answer = await fetch(`${url}/sessions/s1/events${query}`, { headers: { accept }, signal: gone.signal })
    expect(answer.headers.get('content-type')).toBe(type)
    gone.abort()
  })
})

/** The log, telling of every page that is read of it. */
function counting(log: EventLog, onRead: () => void): EventLog {
  return new Proxy(log, {
    get(target, name) {
      if (name === 'read') onRead()
      const member: unknown = Reflect.get(target, name, target)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
}

describe('a proxy in front', () => {
  test('may strip the base path or not', async () => {
    const proxied = await openEdge((base) => ({ access: { ...base.access, basePath: '/agents' } }))
    for (const path of ['/livez', '/agents/livez']) expect((await fetch(proxied.server.url + path)).status).toBe(200)
    for (const path of ['/agentsx/livez', '/agents/agents/livez']) expect((await fetch(proxied.server.url + path)).status).toBe(404)
    for (const path of ['/', '/agents', '/agents/'])
      expect(await (await fetch(proxied.server.url + path)).json()).toMatchObject({ links: { health: '/agents/health' } })
    await proxied[Symbol.asyncDispose]()
  })

  test('an allowed origin gets exactly itself, before and after it has asked', async () => {
    const origin = 'https://hub.example'
    const hub = await openEdge((base) => ({ access: { ...base.access, auth: 'token', allowedOrigins: [origin] } }))
    const asked = await fetch(`${hub.server.url}/sessions`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST' },
    })
    expect(asked.status).toBe(204)
    expect(asked.headers.get('access-control-allow-origin')).toBe(origin)
    expect(asked.headers.get('access-control-allow-headers')).toContain('authorization')
    const answer = await fetch(`${hub.server.url}/sessions`, { headers: { origin, authorization: 'Bearer TOK' } })
    expect(answer.headers.get('access-control-allow-origin')).toBe(origin)
    expect(answer.status).toBe(200)
    const evil = await fetch(`${hub.server.url}/sessions`, {
      method: 'OPTIONS',
      headers: { origin: 'https://evil.com', 'access-control-request-method': 'POST' },
    })
    expect(evil.status).toBe(403)
    expect([...evil.headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([])
    await hub[Symbol.asyncDispose]()
  })
})

describe('who may come in', () => {
  test('mode token: nothing but static files without it, and refusals are counted', async () => {
    const closed = await openEdge((base) => ({ access: { ...base.access, auth: 'token' } }))
    for (const path of ['/', '/health', '/nope', '/openapi.json']) {
      const answer = await fetch(closed.server.url + path)
      expect(answer.status).toBe(401)
      expect(answer.headers.get('www-authenticate')).toBe('Bearer')
    }
    expect((await fetch(`${closed.server.url}/docs`)).status).toBe(200)
    expect((await fetch(`${closed.server.url}/nope`, { headers: { authorization: 'Bearer TOK' } })).status).toBe(404)
    expect(closed.denied).toEqual(['unauthorized', 'unauthorized', 'unauthorized', 'unauthorized'])
    await closed[Symbol.asyncDispose]()
  })

  test.skipIf(process.platform !== 'linux')('mode same-user: this process may, and an agent may not', async () => {
    const open = await openEdge((base) => ({ access: { ...base.access, auth: 'same-user' } }))
    expect((await fetch(`${open.server.url}/health`)).status).toBe(200)
    await open[Symbol.asyncDispose]()
    const agent = await openEdge(() => ({ agents: () => [{ pid: process.pid, mark: 'm' }] }))
    const answer = await fetch(`${agent.server.url}/health`)
    expect(answer.status).toBe(403)
    expect(await answer.json()).toMatchObject({ error: 'agent_not_allowed' })
    await agent[Symbol.asyncDispose]()
  })

  test('a daemon that shuts down takes no new work, and still answers', async () => {
    const ending = await openEdge((base) => ({ daemon: { ...base.daemon, state: () => 'stopping' } }))
    for (const path of ['/sessions', '/sessions/s1/tasks']) {
      expect(await (await fetch(ending.server.url + path, { method: 'POST', body: '{"messages":[]}' })).json()).toMatchObject({
        error: 'shutting_down',
        status: 503,
      })
    }
    expect((await fetch(`${ending.server.url}/readyz`)).status).toBe(503)
    expect((await fetch(`${ending.server.url}/sessions/s1`)).status).toBe(200)
    expect((await fetch(`${ending.server.url}/sessions/s1/tasks/t1/stop`, { method: 'POST' })).status).toBe(200)
    await ending[Symbol.asyncDispose]()
  })
})

describe('a Unix socket', () => {
  test("is this user's alone, and a dead one is replaced while a living one is not", async () => {
    const directory = mkdtempSync(join(tmpdir(), 'codesdkd-socket-'))
    const path = join(directory, 'own', 'daemon.sock')
    const first = await openEdge(() => ({ listen: { path } }))
    expect(first.server.url).toBe(`unix:${path}`)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(statSync(join(directory, 'own')).mode & 0o777).toBe(0o700)
    expect(await getOver(path, '/livez')).toBe(200)
    await expect(createHttpServer(first.context)).rejects.toThrow('in use')
    await first[Symbol.asyncDispose]()
    rmSync(directory, { recursive: true })
  })

  test('is not made where others could get at it', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'codesdkd-socket-'))
    const { context, ...rest } = await openEdge()
    chmodSync(directory, 0o755)
    await expect(createHttpServer({ ...context, listen: { path: join(directory, 's.sock') } })).rejects.toThrow('0700')
    chmodSync(directory, 0o700)
    writeFileSync(join(directory, 's.sock'), '')
    await expect(createHttpServer({ ...context, listen: { path: join(directory, 's.sock') } })).rejects.toThrow('no socket')
    await rest[Symbol.asyncDispose]()
    rmSync(directory, { recursive: true })
  })
})

function getOver(socketPath: string, path: string): Promise<number | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>()
  request({ socketPath, path, headers: { host: 'localhost' } }, (incoming) => resolve(incoming.resume().statusCode))
    .on('error', reject)
    .end()
  return promise
}

test('the page of the documentation runs its own script and nothing else, and refers to nothing outside', async () => {
  const answer = await fetch(`${url}/docs`)
  const page = await answer.text()
  const [, script = ''] = /<script>([\s\S]*)<\/script>/.exec(page) ?? []
  const policy = answer.headers.get('content-security-policy')
  expect(policy).toContain(`script-src 'sha256-${createHash('sha256').update(script).digest('base64')}'`)
  expect(policy).not.toContain('sandbox')
  expect(page).not.toMatch(/https?:|\son\w+=|innerHTML|src=/)
  expect(() => new Script(script)).not.toThrow()
})

test('metrics are served when they are on', async () => {
  expect(await (await fetch(`${url}/metrics`)).json()).toMatchObject({ error: 'metrics_unavailable', status: 404 })
  const on = await openEdge((base) => ({
    metrics: { ...base.metrics, enabled: true, contentType: 'text/plain; version=0.0.4', render: async () => 'codesdk_build_info 1\n' },
  }))
  const answer = await fetch(`${on.server.url}/metrics`)
  expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4')
  expect(await answer.text()).toBe('codesdk_build_info 1\n')
  await on[Symbol.asyncDispose]()
})
