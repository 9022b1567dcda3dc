import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer as createHttpServer, request, type IncomingMessage } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { connect, type AddressInfo, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { ask, canary, openStage, showing } from './testing/stage.ts'
import { toProxyEnvironment } from './uplink.ts'

const name = 'model.example.test'
const path = '/v1/messages'
const run = promisify(execFile)
const stack = new AsyncDisposableStack()
let directory: string
/** PEM of an authority that only this file knows, and of a server that it vouches for. */
let authority: string
/** What came in, as the endpoint and the proxy saw it. */
let seen: { readonly headers: IncomingMessage['headers'] }[]
let asked: { readonly line: string; readonly authorization: string | undefined }[]
let secure: string
let plain: string
let proxy: string

async function listening(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  stack.defer(() => void server.close())
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function makeCertificates(): Promise<{ readonly key: Buffer; readonly cert: Buffer }> {
  const at = (file: string) => join(directory, file)
  const fresh = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const ca = ['-keyout', at('ca.key'), '-out', at('ca.pem'), '-subj', '/CN=Own authority', '-days', '2']
  await run('openssl', ['req', '-x509', ...fresh, ...ca])
  await run('openssl', ['req', ...fresh, '-keyout', at('key'), '-out', at('csr'), '-subj', `/CN=${name}`])
  await writeFile(at('ext'), `subjectAltName=DNS:${name},IP:127.0.0.1`)
  const signing = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial', '-days', '2', '-extfile', at('ext')]
  await run('openssl', ['x509', '-req', '-in', at('csr'), '-out', at('cert'), ...signing])
  authority = at('ca.pem')
  return { key: await readFile(at('key')), cert: await readFile(at('cert')) }
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'uplink-'))
  stack.defer(() => rm(directory, { recursive: true }))
  const serve = (incoming: IncomingMessage, response: { end(text: string): void }) => {
    seen.push({ headers: incoming.headers })
    incoming.resume()
    response.end('{}')
  }
  secure = await listening(createHttpsServer(await makeCertificates(), serve))
  plain = await listening(createHttpServer(serve))
  const server = createHttpServer((incoming, response) => {
    note(`${incoming.method} ${incoming.url}`, incoming)
    // Names are the proxy's to resolve.
    const passed = request(`http://${plain}${path}`, { method: 'POST', headers: incoming.headers, agent: false }, (answer) =>
      answer.pipe(response),
    )
    incoming.pipe(passed)
  })
  server.on('connect', (incoming: IncomingMessage, socket: Socket) => {
    note(`CONNECT ${incoming.url}`, incoming)
    if (incoming.url?.startsWith('refused.') === true) {
      socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n')
      return
    }
    const [host, port] = secure.split(':')
    const outside = connect(Number(port), host, () => socket.write('HTTP/1.1 200 OK\r\n\r\n'))
    outside.on('error', () => socket.destroy())
    socket.on('error', () => outside.destroy())
    outside.pipe(socket).pipe(outside)
  })
  proxy = await listening(server)
})
beforeEach(() => {
  seen = []
  asked = []
})
afterAll(() => stack.disposeAsync())

function note(line: string, { headers }: IncomingMessage): void {
  asked.push({ line, authorization: headers['proxy-authorization'] })
}

/** One request to an endpoint through a gateway whose daemon has this environment. */
async function reach(upstream: string, environment: Record<string, string>) {
  await using stage = await openStage({ environment })
  const passage = stage.open({ upstream })
  const { status, body } = await ask(`${passage.url}${path}`, { headers: showing(passage), body: '{"model":"m"}' })
  return { status, body: body.toString(), calls: stage.calls }
}

test('a private authority that the environment names is trusted, and no other', async () => {
  expect(await reach(`https://${secure}`, {})).toMatchObject({ status: 502, body: expect.stringContaining('not trusted') as unknown })
  expect(seen).toEqual([])
  for (const variable of ['SSL_CERT_FILE', 'NODE_EXTRA_CA_CERTS'])
    expect(await reach(`https://${secure}`, { [variable]: authority })).toMatchObject({ status: 200 })
  expect(seen.map(({ headers }) => headers['x-api-key'])).toEqual([canary, canary])
  expect(await reach(`https://${secure}`, { SSL_CERT_FILE: join(directory, 'nowhere') })).toMatchObject({ status: 502 })
})

test('a certificate of another name is not taken', async () => {
  const { port } = new URL(`https://${secure}`)
  const answer = await reach(`https://localhost:${port}`, { SSL_CERT_FILE: authority })
  expect(answer).toMatchObject({ status: 502, body: expect.stringContaining('ERR_TLS_CERT_ALTNAME_INVALID') as unknown })
})

test('HTTPS goes through the proxy in a tunnel: the proxy sees no credential', async () => {
  const environment = { HTTPS_PROXY: `http://me:p%40ss@${proxy}`, SSL_CERT_FILE: authority }
  expect(await reach(`https://${name}`, environment)).toMatchObject({ status: 200 })
  expect(asked).toEqual([{ line: `CONNECT ${name}:443`, authorization: `Basic ${Buffer.from('me:p@ss').toString('base64')}` }])
  expect(seen).toMatchObject([{ headers: { host: name, 'x-api-key': canary } }])
})

test.each(['http_proxy', 'HTTP_PROXY', 'ALL_PROXY'])(
  'HTTP goes through the proxy that %s names, with or without its scheme',
  async (variable) => {
    expect(await reach(`http://${name}:81`, { [variable]: proxy })).toMatchObject({ status: 200 })
    expect(asked.map(({ line }) => line)).toEqual([`POST http://${name}:81${path}`])
  },
)

test('NO_PROXY, and what is on this machine, goes past the proxy', async () => {
  const proxies = { HTTP_PROXY: `http://${proxy}`, HTTPS_PROXY: `http://${proxy}` }
  expect(await reach(`http://${plain}`, proxies)).toMatchObject({ status: 200 })
  for (const list of [name, `other.example, .${name}`, 'example.test', '*'])
    expect(await reach(`https://${name}`, { ...proxies, NO_PROXY: list })).toMatchObject({
      status: 502,
      body: expect.stringMatching(/ENOTFOUND|EAI_AGAIN/) as unknown,
    })
  expect(asked).toEqual([])
})

test('a proxy that refuses, is not there, or cannot be understood is told, but not where it is', async () => {
  const failure = { kind: 'unreachable' }
  for (const HTTPS_PROXY of [`http://${proxy}`, 'http://127.0.0.1:1', 'http://[not']) {
    const { status, body, calls } = await reach(`https://refused.example.test`, { HTTPS_PROXY })
    expect([HTTPS_PROXY, status]).toEqual([HTTPS_PROXY, 502])
    expect(body).not.toContain('127.0.0.1')
    expect(calls.at(-1)).toMatchObject({ status: null, failure })
  }
})

test('variables are read as curl does', () => {
  const local = 'localhost,.localhost,127.0.0.1,[::1],::1'
  const read = (environment: Record<string, string>) => toProxyEnvironment(environment)
  expect(read({})).toEqual({ http_proxy: undefined, https_proxy: undefined, no_proxy: local })
  expect(read({ http_proxy: 'a:1', HTTP_PROXY: 'b:1', ALL_PROXY: 'https://c' })).toMatchObject({
    http_proxy: 'http://a:1',
    https_proxy: 'https://c',
  })
  expect(read({ no_proxy: 'a.b  *.c,.d' })).toMatchObject({ no_proxy: `${local},a.b,.a.b,*.c,.d` })
})
