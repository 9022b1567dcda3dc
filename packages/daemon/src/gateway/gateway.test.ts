import { mkdir, mkdtemp, open as openDirectory, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Dialect } from '../core/enclosure.ts'
import { sendRaw } from '../http/testing/raw.ts'
import { endpoints } from './endpoints.ts'
import { ask, canary, openEndpoint, openStage, showing, type Endpoint, type Stage } from './testing/stage.ts'

let endpoint: Endpoint
let stage: Stage

beforeAll(async () => {
  endpoint = await openEndpoint((incoming, response) => {
    response.setHeader('set-cookie', 'who=you')
    response.setHeader('x-request-id', 'r1')
    void text(incoming).then((body) => response.end(JSON.stringify({ body })))
  })
  stage = await openStage()
})
afterAll(async () => {
  await stage[Symbol.asyncDispose]()
  await endpoint[Symbol.asyncDispose]()
})

let names = 0
function open(dialect: Dialect, more: { base?: string; kind?: 'bearer' | 'key'; headers?: Record<string, string> } = {}) {
  names += 1
  const credential = { kind: more.kind ?? 'key', secret: canary }
  return stage.open({
    name: `route-${names}`,
    dialect,
    upstream: `${endpoint.url}${more.base ?? ''}`,
    credential,
    headers: more.headers ?? {},
  })
}

/** Asks, and expects that the endpoint heard nothing of it. */
async function refused(url: string, options: Parameters<typeof ask>[1]) {
  const before = endpoint.seen.length
  const answer = await ask(url, options)
  expect(endpoint.seen).toHaveLength(before)
  return { ...answer, body: JSON.parse(answer.body.toString()) as unknown }
}

describe('admission', () => {
  test('the placeholder is taken in whatever place an agent shows it', async () => {
    const { url, placeholder } = open('messages')
    expect(placeholder).toMatch(/^codesdkd-placeholder-[0-9a-f]{32}$/)
    const places = [
      { authorization: `Bearer ${placeholder}` },
      { authorization: `bearer  ${placeholder}` },
      { 'x-api-key': placeholder },
      { 'x-goog-api-key': placeholder },
      { 'api-key': placeholder },
      { 'x-api-key': 'something else', authorization: `Bearer ${placeholder}` },
    ]
    for (const headers of places) expect((await ask(`${url}/v1/messages`, { headers })).status).toBe(200)
    expect((await ask(`${url}/v1/messages?key=${placeholder}&beta=true`)).status).toBe(200)
    expect(endpoint.seen.at(-1)?.url).toBe('/v1/messages?beta=true')
    expect(JSON.stringify(endpoint.seen.map(({ rawHeaders, url: target }) => [rawHeaders, target]))).not.toContain(placeholder)
  })

  test.each<[Dialect, unknown]>([
    ['messages', { type: 'error', error: { type: 'authentication_error', message: expect.any(String) as unknown } }],
    [
      'responses',
      { error: { code: 'invalid_api_key', type: 'invalid_request_error', message: expect.any(String) as unknown, param: null } },
    ],
    ['chat_completions', { error: expect.objectContaining({ code: 'invalid_api_key' }) as unknown }],
    ['generate_content', { error: { code: 401, status: 'UNAUTHENTICATED', message: expect.any(String) as unknown } }],
    ['mcp', { jsonrpc: '2.0', id: null, error: { code: -32_000, message: expect.any(String) as unknown } }],
  ])('%s: another key, or none, is refused in the words of the dialect', async (dialect, body) => {
    const { url, placeholder } = open(dialect)
    const other = await openStage()
    const foreign = other.open({ upstream: endpoint.url }).placeholder
    await other[Symbol.asyncDispose]()
    const path = endpoints[dialect][0]?.path.replace('{version}', '/v1').replace('{model}', 'm') ?? ''
    for (const key of ['', canary, foreign, placeholder.slice(0, -1), `${placeholder}0`, placeholder.toUpperCase()])
      expect(await refused(`${url}${path}?key=${key}`, { headers: { 'x-api-key': key } })).toMatchObject({ status: 401, body })
    expect(await refused(`${url}${path}`, { headers: { authorization: `Basic ${placeholder}` } })).toMatchObject({ status: 401, body })
  })

  test('another name of the gateway is refused, so that no page of a browser gets in', async () => {
    const passage = open('messages')
    const { port } = new URL(passage.url)
    for (const host of ['example.com', `example.com:${port}`, '127.0.0.1', `127.0.0.1:${port}.example.com`])
      expect(await refused(`${passage.url}/v1/messages`, { headers: { ...showing(passage), host } })).toMatchObject({ status: 403 })
    const localhost = { ...showing(passage), host: `localhost:${port}` }
    expect((await ask(`${passage.url}/v1/messages`, { headers: localhost })).status).toBe(200)
  })

  test('no way but a known one: absolute targets, CONNECT, upgrades, unknown routes', async () => {
    const passage = open('messages')
    const { pathname } = new URL(passage.url)
    const key = `x-api-key: ${passage.placeholder}\r\nhost: {host}\r\n`
    const before = endpoint.seen.length
    const statusOf = async (head: string) => (await sendRaw(stage.gateway.url, `${head}\r\n`))?.status ?? null
    expect(await statusOf(`POST ${endpoint.url}/v1/messages HTTP/1.1\r\n${key}`)).toBe(404)
    expect(await statusOf(`POST ${stage.gateway.url}${pathname}/v1/messages HTTP/1.1\r\n${key}`)).toBe(404)
    expect(await statusOf(`POST /nowhere/v1/messages HTTP/1.1\r\n${key}`)).toBe(404)
    expect(await statusOf(`OPTIONS * HTTP/1.1\r\n${key}`)).toBe(404)
    expect(await statusOf(`GET ${pathname}/v1/models HTTP/1.1\r\n${key}connection: upgrade\r\nupgrade: websocket\r\n`)).toBe(403)
    expect(await statusOf(`CONNECT 127.0.0.1:80 HTTP/1.1\r\n${key}`)).toBe(null)
    expect(endpoint.seen).toHaveLength(before)
  })
})

describe('methods and paths', () => {
  test.each<[Dialect, string, readonly string[]]>([
    ['messages', '', ['POST /v1/messages', 'POST /messages', 'POST /v1/messages/count_tokens', 'GET /v1/models', 'GET /v1/models/m-1']],
    ['responses', '/v1', ['POST /responses', 'POST /responses/compact', 'GET /models', 'POST /chat/completions']],
    ['chat_completions', '/api/v1/', ['POST /chat/completions', 'POST /completions', 'POST /responses', 'GET /models']],
    [
      'generate_content',
      '',
      ['generateContent', 'streamGenerateContent', 'countTokens', 'batchEmbedContents'].flatMap((verb) => [
        `POST /v1beta/models/gemini-2.5-pro:${verb}`,
        `POST /models/m:${verb}`,
      ]),
    ],
  ])('%s below %j', async (dialect, base, allowed) => {
    const passage = open(dialect, { base })
    for (const line of allowed) {
      const [method = '', path = ''] = line.split(' ')
      expect((await ask(`${passage.url}${path}?a=1`, { method, headers: showing(passage) })).status).toBe(200)
      expect(endpoint.seen.at(-1)).toMatchObject({ method, url: `${base.replace(/\/$/, '')}${path}?a=1` })
    }
  })

  test.each<[Dialect, readonly string[]]>([
    ['messages', ['GET /v1/messages', 'DELETE /v1/messages', 'POST /v1/messages/', 'POST /v1/complete', 'POST /v1/messages/batches']],
    [
      'messages',
      ['POST /v1/files', 'GET /v1/organizations', 'POST /v2/messages', 'POST /', 'POST ', 'PUT /v1/messages', 'HEAD /v1/models'],
    ],
    ['messages', ['POST /v1/../v1/messages', 'POST /v1/x/../messages', 'POST //v1/messages', 'POST /v1/%6dessages', 'POST /v1%2fmessages']],
    [
      'messages',
      ['GET /v1/models/..', 'GET /v1/models/../files', 'GET /v1/models/a%2f..%2ffiles', 'GET /v1/models/a/b', 'POST /v1/messages;x'],
    ],
    ['responses', ['GET /responses', 'POST /files', 'POST /fine_tuning/jobs', 'DELETE /models/m', 'POST /responses/r1/cancel']],
    [
      'generate_content',
      ['POST /v1beta/models/a/b:generateContent', 'POST /v1beta/models/m:delete', 'POST /v1beta/tunedModels/m:generateContent'],
    ],
    ['mcp', ['POST /', 'GET /sse', 'PUT ', 'POST /messages']],
  ])('%s refuses %j, and says what is allowed', async (dialect, forbidden) => {
    const passage = open(dialect)
    const { host, pathname } = new URL(passage.url)
    for (const line of forbidden) {
      const [method = '', path = ''] = line.split(' ')
      const before = endpoint.seen.length
      const head = `${method} ${pathname}${path} HTTP/1.1\r\nhost: ${host}\r\nx-api-key: ${passage.placeholder}\r\n\r\n`
      const answer = await sendRaw(stage.gateway.url, head)
      expect([line, answer?.status]).toEqual([line, 403])
      if (method !== 'HEAD') expect(answer?.body).toContain('Allowed: POST ')
      expect(endpoint.seen).toHaveLength(before)
    }
  })

  test('mcp: the very URL, its query included; logins are looked for in vain', async () => {
    const passage = open('mcp', { base: '/tools/mcp/?tenant=7', kind: 'bearer' })
    for (const method of ['POST', 'GET', 'DELETE']) {
      expect((await ask(`${passage.url}?a=1`, { method, headers: showing(passage) })).status).toBe(200)
      expect(endpoint.seen.at(-1)).toMatchObject({ method, url: '/tools/mcp/?tenant=7&a=1' })
    }
    const { origin, pathname } = new URL(passage.url)
    for (const path of [`/.well-known/oauth-protected-resource${pathname}`, `${pathname}/.well-known/openid-configuration`])
      expect(await refused(`${origin}${path}`, { method: 'GET' })).toMatchObject({ status: 404 })
  })
})

describe('headers', () => {
  test.each<[Dialect, 'bearer' | 'key', string, string]>([
    ['messages', 'key', 'x-api-key', canary],
    ['messages', 'bearer', 'authorization', `Bearer ${canary}`],
    ['responses', 'key', 'authorization', `Bearer ${canary}`],
    ['chat_completions', 'bearer', 'authorization', `Bearer ${canary}`],
    ['generate_content', 'key', 'x-goog-api-key', canary],
    ['generate_content', 'bearer', 'authorization', `Bearer ${canary}`],
    ['mcp', 'bearer', 'authorization', `Bearer ${canary}`],
  ])('%s with a %s: the credential is in %s, and nowhere else', async (dialect, kind, name, value) => {
    const passage = open(dialect, { kind })
    const path = endpoints[dialect][0]?.path.replace('{version}', '/v1').replace('{model}', 'm') ?? ''
    const answer = await ask(`${passage.url}${path}`, { headers: showing(passage), body: '{"model":"m"}' })
    const { headers = {}, rawHeaders = [], url } = endpoint.seen.at(-1) ?? {}
    expect(headers[name]).toBe(value)
    expect(rawHeaders.filter((part) => part.includes(canary))).toHaveLength(1)
    expect(url).not.toContain(canary)
    expect(`${JSON.stringify(answer.headers)}${answer.body.toString()}`).not.toContain(canary)
    expect(JSON.stringify([passage, stage.calls])).not.toContain(canary)
  })

  test('what an agent says of itself passes; what is of the connection, or says who is asking, does not', async () => {
    const passage = open('messages', { headers: { 'X-Tenant': 'seven', 'anthropic-version': 'ours', host: 'elsewhere' } })
    const passing = { 'anthropic-beta': 'a,b', 'user-agent': 'agent/1', 'content-type': 'application/json', accept: '*/*' }
    const gone = {
      authorization: 'Bearer of-the-agent',
      cookie: 'a=b',
      'proxy-authorization': 'Basic eDp5',
      'x-forwarded-for': '1.2.3.4',
      forwarded: 'for=1.2.3.4',
      'x-http-method-override': 'DELETE',
      origin: 'http://127.0.0.1',
      'sec-fetch-site': 'same-origin',
      te: 'trailers',
      connection: 'close, x-mine',
      'x-mine': '1',
      'accept-encoding': 'gzip',
    }
    const { headers: answered } = await ask(`${passage.url}/v1/messages`, {
      headers: { ...passing, ...gone, ...showing(passage), 'anthropic-version': 'theirs' },
      body: '{}',
    })
    const { headers = {} } = endpoint.seen.at(-1) ?? {}
    const made = { 'accept-encoding': 'identity', host: new URL(endpoint.url).host, connection: 'keep-alive', 'content-length': '2' }
    expect(headers).toEqual({ ...passing, ...made, 'x-tenant': 'seven', 'anthropic-version': 'ours', 'x-api-key': canary })
    expect(answered).toMatchObject({ 'x-request-id': 'r1' })
    expect(answered).not.toHaveProperty('set-cookie')
  })

  test('neither does what a query can say in place of a header or of the method', async () => {
    const passage = open('generate_content')
    const names = [
      'key',
      'access_token',
      'oauth_token',
      '$httpHeaders',
      '$httpMethod',
      '%24httpMethod',
      '$req',
      '_method',
      'X-HTTP-Method-Override',
    ]
    const query = names.map((name) => `${name}=x`).join('&')
    expect((await ask(`${passage.url}/v1beta/models/m?a=1&${query}&alt=sse`, { method: 'GET', headers: showing(passage) })).status).toBe(
      200,
    )
    expect(endpoint.seen.at(-1)?.url).toBe('/v1beta/models/m?a=1&alt=sse')
  })

  test('a body that GET or DELETE must not have is not sent', async () => {
    const passage = open('mcp')
    for (const method of ['GET', 'DELETE']) {
      const headers = { ...showing(passage), 'transfer-encoding': 'chunked' }
      expect((await ask(passage.url, { method, headers, body: 'POST /smuggled HTTP/1.1\r\n\r\n' })).body.toString()).toBe('{"body":""}')
    }
    expect(endpoint.seen.map(({ url }) => url)).not.toContain('/smuggled')
  })

  test('a route without a credential gets none, and wants the placeholder all the same', async () => {
    const passage = stage.open({ name: 'open', upstream: endpoint.url, credential: null })
    expect(await refused(`${passage.url}/v1/messages`, {})).toMatchObject({ status: 401 })
    expect((await ask(`${passage.url}/v1/messages`, { headers: showing(passage) })).status).toBe(200)
    expect(endpoint.seen.at(-1)?.headers).not.toHaveProperty('x-api-key')
  })

  test('a route that nothing can be sent on is not opened', () => {
    const bad = (route: object) => () => stage.open({ name: 'bad', upstream: endpoint.url, ...route })
    expect(bad({ credential: { kind: 'key', secret: 'two\nlines' } })).toThrow(/no header can carry/)
    expect(bad({ headers: { 'not a name': 'x' } })).toThrow(/no header can carry/)
    expect(bad({ upstream: 'file:///etc/passwd' })).toThrow(/not an HTTP URL/)
    expect(bad({ name: 'Bad/name' })).toThrow(RangeError)
    expect(bad({ name: 'route-1' })).toThrow(RangeError)
  })
})

describe('listening', () => {
  const url = 'http://127.0.0.1:8080'

  test.each(process.platform === 'linux' ? [0, 200] : [0])(
    'on a socket that only its user may use, in a directory with %i bytes more',
    async (more) => {
      const top = await mkdtemp(join(tmpdir(), 'gateway-'))
      const directory = join(top, ...Array.from({ length: more / 20 }, () => 'a'.repeat(19)))
      await mkdir(directory, { recursive: true, mode: 0o700 })
      const own = await openStage({ listen: { directory, name: 'gateway.sock', url } })
      const passage = own.open({ upstream: endpoint.url })
      expect(passage.url).toBe(`${url}/model`)
      expect((await stat(join(directory, 'gateway.sock'))).mode & 0o777).toBe(0o600)
      // A client has to take the same short way.
      await using handle = await openDirectory(directory)
      const socketPath = more === 0 ? join(directory, 'gateway.sock') : `/proc/self/fd/${handle.fd}/gateway.sock`
      const asking = { socketPath, path: '/model/v1/messages' }
      expect((await ask(url, { ...asking, headers: { ...showing(passage), host: '127.0.0.1:8080' } })).status).toBe(200)
      expect((await ask(url, { ...asking, headers: { ...showing(passage), host: 'localhost' } })).status).toBe(403)
      await own[Symbol.asyncDispose]()
      expect(await readdir(directory)).toEqual([])
      await rm(top, { recursive: true })
    },
  )

  test('not in a directory that others may enter', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'gateway-'))
    const shared = join(directory, 'shared')
    await mkdir(shared, { mode: 0o755 })
    await expect(openStage({ listen: { directory: shared, name: 's', url } })).rejects.toThrow(/open to others/)
    await rm(directory, { recursive: true })
  })
})
