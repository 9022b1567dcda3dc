import { once } from 'node:events'
import { createServer, request, type IncomingMessage } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { toParentProxy } from './parent-proxy.ts'
import { connectTo, get, openRoom, openSite, openTunnel, readAll, say } from './testing/room.ts'

const at = (host: string, port = 443) => ({ host, port })

/** A proxy as it stands in offices: it wants a password, and all names lead to this machine. */
async function openOffice(refusing = false) {
  const seen: string[] = []
  const admit = (incoming: IncomingMessage) => {
    seen.push(`${incoming.method} ${incoming.url}`)
    const right = incoming.headers['proxy-authorization'] === `Basic ${btoa('user:pass word')}`
    return right && !refusing
  }
  const server = createServer((incoming, outgoing) => {
    if (!admit(incoming)) {
      outgoing.writeHead(407).end('the secrets of the office')
      return
    }
    const { port, pathname } = new URL(incoming.url ?? '')
    const { method, headers } = incoming
    const inner = request({ port, path: pathname, headers, ...(method === undefined ? {} : { method }) }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 0, answer.headers)
      answer.pipe(outgoing)
    })
    incoming.pipe(inner)
  })
  server.on('connect', (incoming: IncomingMessage, socket: Socket) => {
    if (!admit(incoming)) {
      socket.end('HTTP/1.1 407 Who Are You\r\n\r\nthe secrets of the office')
      return
    }
    const inner = connect({ port: Number(incoming.url?.split(':').at(-1)), allowHalfOpen: true })
    socket.write('HTTP/1.1 200 OK\r\nx: y\r\n\r\n')
    socket.pipe(inner).pipe(socket)
    for (const end of [socket, inner]) end.on('error', () => end.destroy())
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => server.close().closeAllConnections())
  const { port } = server.address() as AddressInfo
  return { seen, url: `http://user:pass%20word@127.0.0.1:${port}` }
}

describe('through the proxy of the machine', () => {
  test('go tunnels and plain requests, by name, with its password', async () => {
    const site = await openSite((incoming, outgoing) => outgoing.end(`hello ${incoming.url} ${incoming.headers['proxy-authorization']}`))
    const office = await openOffice()
    const room = await openRoom({ allow: [`a.example.com:${site.port}`], environment: { HTTPS_PROXY: office.url, http_proxy: office.url } })
    const tunnel = await openTunnel(room.path, `a.example.com:${site.port}`)
    tunnel.write(get('/inside'))
    expect(await readAll(tunnel)).toContain('hello /inside undefined')
    expect(await say(room.path, get(`http://a.example.com:${site.port}/plain`))).toContain('hello /plain')
    expect(office.seen).toEqual([`CONNECT a.example.com:${site.port}`, `GET http://a.example.com:${site.port}/plain`])
  })

  test('a name that only the proxy can resolve', async () => {
    const site = await openSite((_incoming, outgoing) => outgoing.end('hello'))
    const office = await openOffice()
    const options = { allow: [`a.example.com:${site.port}`], names: {}, environment: { ALL_PROXY: office.url } }
    const room = await openRoom(options)
    await openTunnel(room.path, `a.example.com:${site.port}`)
    expect(await say(room.path, get(`http://a.example.com:${site.port}/`))).toContain('hello')
  })

  test('nothing that leads inside, and nothing that nobody wants', async () => {
    const office = await openOffice()
    const room = await openRoom({
      allow: ['*'],
      deny: ['blocked.example.com'],
      names: { 'inside.example.com': ['10.0.0.1'] },
      environment: { HTTPS_PROXY: office.url, HTTP_PROXY: office.url },
    })
    for (const host of ['inside.example.com', 'localhost', 'printer.local', '127.0.0.1', 'blocked.example.com']) {
      expect(await say(room.path, connectTo(`${host}:443`))).toMatch(/^HTTP\/1\.1 403 /)
      expect(await say(room.path, get(`http://${host}/`))).toMatch(/^HTTP\/1\.1 403 /)
    }
    expect(office.seen).toEqual([])
  })

  test('its refusal is told without its words', async () => {
    const office = await openOffice(true)
    const room = await openRoom({ allow: ['*'], environment: { HTTPS_PROXY: office.url } })
    const answer = await say(room.path, connectTo('a.example.com:443'))
    expect(answer).toMatch(/^HTTP\/1\.1 502 The proxy of this machine refused a\.example\.com:443 with status 407\r\n/)
    expect(answer).not.toMatch(/secrets|user|pass/)
    expect(room.denials).toEqual([])
  })

  test.each(['http://user:pass@127.0.0.1:1', 'socks5://user:pass@127.0.0.1:1080', 'http://['])(
    'one that cannot be used: %s',
    async (url) => {
      const room = await openRoom({ allow: ['*'], environment: { HTTPS_PROXY: url, HTTP_PROXY: url } })
      for (const text of [connectTo('a.example.com:443'), get('http://a.example.com/')]) {
        const answer = await say(room.path, text)
        expect(answer).toMatch(/^HTTP\/1\.1 502 The proxy of this machine cannot be /)
        expect(answer).not.toMatch(/user|pass@|127\.0\.0\.1/)
      }
    },
  )

  test('one that ends without a word', async () => {
    const site = await openSite((incoming) => incoming.socket.destroy())
    const room = await openRoom({ allow: ['*'], environment: { HTTPS_PROXY: `http://127.0.0.1:${site.port}` } })
    expect(await say(room.path, connectTo('a.example.com:443'))).toMatch(/^HTTP\/1\.1 502 No answer from the proxy of this machine/)
  })
})

describe('which variable counts', () => {
  const named = (environment: Record<string, string>, kind: 'http' | 'https', host = 'a.example.com') =>
    toParentProxy(environment, kind, at(host)) !== null

  test.each([
    [{ HTTPS_PROXY: 'http://p' }, true, false],
    [{ https_proxy: 'http://p' }, true, false],
    [{ HTTP_PROXY: 'http://p' }, false, true],
    [{ http_proxy: 'p:3128' }, false, true],
    [{ ALL_PROXY: 'http://p' }, true, true],
    [{ HTTPS_PROXY: '' }, false, false],
    [{}, false, false],
  ])('%j', (environment, https, http) => {
    expect([named(environment, 'https'), named(environment, 'http')]).toEqual([https, http])
  })

  test.each([
    ['*', true],
    ['a.example.com', true],
    ['example.com', true],
    ['.example.com', true],
    ['*.example.com', true],
    ['EXAMPLE.com', true],
    ['x.com, example.com', true],
    ['x.com example.com:443', true],
    ['example.com:80', false],
    ['ample.com', false],
    ['b.example.com', false],
    ['', false],
    [',', false],
  ])('NO_PROXY=%j', (list, exempt) => {
    expect(named({ HTTPS_PROXY: 'http://p', NO_PROXY: list }, 'https')).toBe(!exempt)
  })

  test('a password is taken as it is meant', () => {
    const authorization = (url: string) => toParentProxy({ HTTPS_PROXY: url }, 'https', at('a.example.com'))?.authorization
    expect(authorization('http://u%40x:p%3Aw@p')).toBe(`Basic ${btoa('u@x:p:w')}`)
    expect(authorization('http://u:100%@p')).toBe(`Basic ${btoa('u:100%')}`)
    expect(authorization('http://p')).toBeNull()
  })
})
