import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { securityHeaders } from './reply.ts'
import { routes } from './routes.ts'
import { openEdge, type TestEdge } from './testing/edge.ts'

let edge: TestEdge
let port: number

beforeAll(async () => {
  edge = await openEdge((base) => ({
    access: { ...base.access, auth: 'token' },
    limits: { ...base.limits, bodyBytes: 1_000, taskBodyBytes: 1_000 },
  }))
  port = Number(new URL(edge.server.url).port)
})
afterAll(() => edge[Symbol.asyncDispose]())

interface Heard {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
}

/** Sends these bytes, and reads the head of the answer. */
async function send(bytes: string): Promise<Heard> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    socket.write(bytes)
    let text = ''
    for await (const chunk of socket.setEncoding('latin1')) {
      text += String(chunk)
      if (text.includes('\r\n\r\n')) break
    }
    const [line = '', ...rest] = text.slice(0, text.indexOf('\r\n\r\n')).split('\r\n')
    const headers = rest.map((one) => [one.slice(0, one.indexOf(':')).toLowerCase(), one.slice(one.indexOf(':') + 1).trim()] as const)
    return { status: Number(line.split(' ')[1]), headers: new Map(headers) }
  } finally {
    socket.destroy()
  }
}

function request(method: string, path: string, headers: readonly string[] = [], body = ''): string {
  const lines = [`Host: 127.0.0.1:${port}`, `Content-Length: ${body.length}`, ...headers]
  return `${method} ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${body}`
}

function expectHeaders({ status, headers }: Heard, what: string, except: readonly string[] = []): void {
  for (const [name, value] of Object.entries(securityHeaders).filter(([one]) => !except.includes(one)))
    expect(headers.get(name), `${what} ${status} ${name}`).toContain(value)
  expect(headers.get('x-request-id'), `${what} ${status}`).toMatch(/^[\w-]+$/)
  expect([...headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([])
}

const token = 'Authorization: Bearer TOK'
const json = 'Content-Type: application/json'

test.each(routes.map((one) => [one.operationId, one] as const))('%s: every answer has them', async (_operationId, one) => {
  const path = one.path.replaceAll(/\{\w+\}/g, 's1')
  const kinds: readonly (readonly [string, string])[] = [
    ['as it is', request(one.method, path, [token])],
    ['by HEAD', request('HEAD', path, [token])],
    ['without a token', request(one.method, path)],
    ['with a token of nobody', request(one.method, path, ['Authorization: Bearer codesdkd_x'])],
    ['from a foreign page', request(one.method, path, [token, 'Origin: https://evil.example'])],
    ['from a page of the same site', request(one.method, path, [token, 'Sec-Fetch-Site: same-site'])],
    ['by another name', `${one.method} ${path} HTTP/1.1\r\nHost: evil.example:${port}\r\n\r\n`],
    ['by no name', `${one.method} ${path} HTTP/1.0\r\n\r\n`],
    ['by a method that there is not', request('PUT', path, [token])],
    ['one path further', request(one.method, `${path}/nothing/here`, [token])],
    ['with headers that are too long', request(one.method, path, [token, `X-Long: ${'x'.repeat(20_000)}`])],
    ['with a body that is none', request(one.method, path, [token, json], '{')],
    ['with a body that is too long', request(one.method, path, [token, json], `"${'x'.repeat(2_000)}"`)],
    ['as a form of a page', request(one.method, path, [token, 'Sec-Fetch-Site: none', 'Content-Type: text/plain'], '{}')],
    ['as another protocol', request(one.method, path, [token, 'Connection: Upgrade', 'Upgrade: websocket'])],
    ['as no HTTP', `${one.method} ${path} HTTP/9.9\r\n\r\n`],
  ]
  const statuses = new Set<number>()
  for (const [kind, bytes] of kinds) {
    const heard = await send(bytes)
    // A page has a policy of its own.
    const own = ['getDocs', 'getInspector'].includes(one.operationId) && heard.status === 200
    expectHeaders(heard, kind, own ? ['content-security-policy'] : [])
    statuses.add(heard.status)
  }
  expect([...statuses]).toEqual(expect.arrayContaining([400, 403, 405, 404, 431, ...(one.open === true ? [] : [401])]))
  if (one.body !== undefined) expect([...statuses]).toEqual(expect.arrayContaining([413, 415]))
})

test('a failure that nobody foresaw has them too', async () => {
  await using broken = await openEdge((base) => ({
    sessions: {
      ...base.sessions,
      list: () => {
        throw new Error('broken')
      },
    },
  }))
  const answer = await fetch(`${broken.server.url}/sessions`)
  expectHeaders({ status: answer.status, headers: new Map(answer.headers) }, 'broken')
  expect(answer.status).toBe(500)
})

test.skipIf(process.platform !== 'linux')('the token of the owner, or one that was minted, lets no agent in', async () => {
  await using agents = await openEdge((base) => ({
    access: { ...base.access, auth: 'token' },
    agents: () => [{ pid: process.pid, mark: 'm' }],
  }))
  const principal = agents.context.tokens.find('TOK')
  if (principal === null) throw new Error('there is no owner')
  const { token: minted } = agents.context.tokens.mint(principal, { verbs: ['*'], ttl_s: 60 })
  for (const one of ['TOK', minted]) {
    const answer = await fetch(`${agents.server.url}/sessions`, { headers: { authorization: `Bearer ${one}` } })
    expect(await answer.json()).toMatchObject({ status: 403, error: 'agent_not_allowed' })
  }
})
