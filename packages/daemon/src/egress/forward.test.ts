import { once } from 'node:events'
import { request } from 'node:http'
import { describe, expect, test } from 'vitest'
import { dialRoom, get, openGreeting, openRawSite, openRoom, openSite, readAll, readUntil, say } from './testing/room.ts'

describe('plain requests', () => {
  test('reach the host that was checked, whatever the headers say', async () => {
    const site = await openSite((request, response) => response.end(JSON.stringify(request.rawHeaders)))
    const room = await openRoom({ allow: [`a.example.com:${site.port}`] })
    const headers =
      'Host: other.example.com\r\nProxy-Authorization: Basic eDp5\r\nProxy-Connection: keep-alive\r\nKeep-Alive: 5\r\nTE: trailers\r\n' +
      'X-Hop: 1\r\nConnection: x-hop, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAAA\r\nAuthorization: Bearer mine\r\nX-Kept: a\r\nX-Kept: b\r\n'
    const answer = await say(room.path, `GET http://A.example.com:${site.port}/ HTTP/1.1\r\n${headers}\r\n`)
    expect(JSON.parse(answer.slice(answer.indexOf('['), answer.lastIndexOf(']') + 1))).toEqual([
      'host',
      `a.example.com:${site.port}`,
      'Authorization',
      'Bearer mine',
      'X-Kept',
      'a',
      'X-Kept',
      'b',
      'connection',
      'close',
    ])
  })

  test.each([
    ['content-length: 5\r\n', 'hello', 'hello'],
    ['transfer-encoding: chunked\r\n', '5\r\nhello\r\n0\r\n\r\n', 'hello'],
    ['', '', ''],
    ['expect: 100-continue\r\ncontent-length: 5\r\n', 'hello', 'hello'],
  ])('with a body: %j', async (headers, body, wanted) => {
    const site = await openSite((request, response) => void readBody(request).then((text) => response.end(`${request.method} <${text}>`)))
    const room = await openRoom({ allow: [`a.example.com:${site.port}`] })
    for (const method of ['POST', 'DELETE', 'GET']) {
      const answer = await say(
        room.path,
        `${method} http://a.example.com:${site.port}/ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${headers}\r\n${body}`,
      )
      expect(answer).toContain(`${method} <${wanted}>`)
    }
  })

  test('one after the other on one connection, those included whose body nobody wanted', async () => {
    const site = await openRawSite((socket) => {
      socket.once('data', (head: Buffer) => {
        const text = `hello ${head.toString('latin1').split(' ')[0]}`
        socket.pause().end(`HTTP/1.1 200 OK\r\ncontent-length: ${text.length}\r\n\r\n${text}`)
      })
    })
    const room = await openRoom({ allow: ['a.example.com'], usualPorts: [site.port] })
    const client = await dialRoom(room.path)
    const body = 'x'.repeat(16 * 1024 * 1024)
    const post = (host: string) => `POST http://${host}:${site.port}/ HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`
    client.write(post('a.example.com'))
    await readUntil(client, 'hello POST')
    client.write(post('127.0.0.1'))
    await readUntil(client, 'hosts are reached by their names')
    client.write(get(`http://a.example.com:${site.port}/`))
    expect(await readAll(client)).toContain('hello GET')
  })

  test('are answered as the server answers: repeated headers, no body, HEAD, its own reason', async () => {
    const site = await openSite((request, response) => {
      const headers = 'set-cookie a=1 set-cookie b=2 content-length 3 proxy-x 1 connection x-hop x-hop 1'.split(' ')
      if (request.url === '/304') response.writeHead(304, { etag: '"x"' }).end()
      else response.writeHead(299, 'Quite Fine', headers).end(request.method === 'HEAD' ? undefined : 'abc')
    })
    const room = await openRoom({ allow: [`a.example.com:${site.port}`] })
    const answer = await say(room.path, get(`http://a.example.com:${site.port}/`))
    expect(answer).toMatch(/^HTTP\/1\.1 299 Quite Fine\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n[^]*content-length: 3\r\n[^]*\r\n\r\nabc$/)
    expect(answer).not.toMatch(/proxy-x|x-hop/)
    const head = await say(room.path, get(`http://a.example.com:${site.port}/`).replace('GET', 'HEAD'))
    expect(head).toMatch(/content-length: 3\r\n[^]*\r\n\r\n$/)
    expect(await say(room.path, get(`http://a.example.com:${site.port}/304`))).toMatch(/^HTTP\/1\.1 304 [^]*\r\n\r\n$/)
  })

  test('a stream passes chunk by chunk, and ends at the server when the client goes', async () => {
    const gone = Promise.withResolvers<void>()
    const next = Promise.withResolvers<void>()
    const site = await openSite((_request, response) => {
      response.on('close', () => gone.resolve())
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.flushHeaders()
      void next.promise.then(() => response.write('data: 1\n\n'))
    })
    const room = await openRoom({ allow: [`a.example.com:${site.port}`] })
    const client = await dialRoom(room.path)
    client.write(get(`http://a.example.com:${site.port}/`))
    await readUntil(client, 'event-stream')
    next.resolve()
    await readUntil(client, 'data: 1\n\n')
    client.destroy()
    await gone.promise
  })

  test('an answer that is cut off is never made to look whole', async () => {
    const site = await openRawSite((socket) => {
      socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n')
    })
    const room = await openRoom({ allow: [`a.example.com:${site.port}`] })
    const client = await dialRoom(room.path)
    client.write(get(`http://a.example.com:${site.port}/`))
    const answer = await readAll(client).catch(() => '')
    expect(answer).not.toContain('0\r\n\r\n')
  })

  test.each(['', 'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n', 'garbage\r\n\r\n'])(
    'a server that answers %j',
    async (text) => {
      const site = await openRawSite((socket) => void socket.once('data', () => socket.end(text)))
      const room = await openRoom({ allow: [`a.example.com:${site.port}`] })
      expect(await say(room.path, get(`http://a.example.com:${site.port}/`))).toMatch(/^HTTP\/1\.1 502 No answer from a\.example\.com/)
    },
  )
})

test("Node's own client is content with it", async () => {
  const site = await openGreeting()
  const room = await openRoom({ allow: [`a.example.com:${site.port}`] })
  const outgoing = request({ socketPath: room.path, path: `http://a.example.com:${site.port}/n` }).end()
  const [answer] = (await once(outgoing, 'response')) as [AsyncIterable<Buffer>]
  expect(await readBody(answer)).toBe('hello /n')
})

async function readBody(request: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}
