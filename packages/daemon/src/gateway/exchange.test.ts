import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { request, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { Writable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import type { Passage } from '../core/enclosure.ts'
import { ask, begin, canary, openEndpoint, openStage, showing } from './testing/stage.ts'

const path = '/v1/messages'
const body = '{"model":"m-1","messages":[]}'

/** What an agent asks, with its own placeholder. */
function asking(passage: Passage, more: object = {}) {
  return { headers: { ...showing(passage), 'content-type': 'application/json' }, body, ...more }
}

/** A gateway in front of one endpoint. */
async function stand(serve: (incoming: IncomingMessage, response: ServerResponse) => void) {
  const stack = new AsyncDisposableStack()
  const endpoint = stack.use(await openEndpoint(serve))
  const stage = stack.use(await openStage())
  const passage = stage.open({ upstream: endpoint.url })
  return { endpoint, stage, passage, url: `${passage.url}${path}`, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

test('an answer passes as it comes: the head first, then each piece before the next is sent', async () => {
  const going: ServerResponse[] = []
  await using at = await stand((incoming, response) => {
    incoming.resume()
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
    going.push(response)
  })
  const answer = await begin(at.url, asking(at.passage))
  expect(answer).toMatchObject({ statusCode: 200, headers: { 'content-type': 'text/event-stream' } })
  for (const piece of ['a', 'data: ', 'é'.slice(0, 1), '\n\n']) {
    going[0]?.write(piece)
    const [heard] = (await once(answer, 'data')) as [Buffer]
    expect(heard.toString()).toBe(piece)
  }
  going[0]?.end()
  await once(answer, 'end')
  expect(await at.stage.completed(1)).toMatchObject([{ status: 200, model: 'm-1', failure: null, usage: null }])
})

test('a request passes as it comes', async () => {
  const heard = Promise.withResolvers<IncomingMessage>()
  await using at = await stand((incoming) => heard.resolve(incoming))
  const outgoing = request(at.url, { method: 'POST', headers: showing(at.passage) }).on('error', () => {})
  outgoing.write('first')
  const incoming = await heard.promise
  expect(String(await once(incoming, 'data'))).toBe('first')
  outgoing.write('second')
  expect(String(await once(incoming, 'data'))).toBe('second')
  outgoing.destroy()
})

test('20,000 pieces and a request of 8 MiB arrive byte for byte', async () => {
  const sent = createHash('sha256')
  const got = Promise.withResolvers<string>()
  await using at = await stand((incoming, response) => {
    void buffer(incoming).then((whole) => got.resolve(createHash('sha256').update(whole).digest('hex')))
    const write = (from: number): void => {
      for (let index = from; index < 20_000; index += 1) {
        const piece = `data: {"index":${index},"s":"${index % 7 === 0 ? 'sk-canary-' : 'é'}"}\n\n`
        sent.update(piece)
        if (!response.write(piece)) return void response.once('drain', () => write(index + 1))
      }
      response.end()
    }
    write(0)
  })
  const image = randomBytes(8 * 1024 * 1024)
  const answer = await ask(at.url, asking(at.passage, { body: image }))
  expect(createHash('sha256').update(answer.body).digest('hex')).toBe(sent.digest('hex'))
  expect(await got.promise).toBe(createHash('sha256').update(image).digest('hex'))
})

const piece = Buffer.alloc(64 * 1024, 'x')
const total = 64 * 1024 * 1024

/** Writes a lot, as fast as it is taken. */
function pour(into: Writable): { readonly written: () => number } {
  let written = 0
  const write = (): void => {
    while (written < total) {
      written += piece.length
      if (!into.write(piece)) return void into.once('drain', write)
    }
    into.end()
  }
  write()
  return { written: () => written }
}

/** The value once it has stayed the same for many turns of the loop. */
async function settled(value: () => number): Promise<number> {
  let last = value()
  for (let same = 0; same < 300; same += 1) {
    await new Promise((resolve) => setImmediate(resolve))
    if (value() !== last) [last, same] = [value(), 0]
  }
  return last
}

test('an agent that does not read holds the endpoint back', async () => {
  const poured = Promise.withResolvers<ReturnType<typeof pour>>()
  await using at = await stand((incoming, response) => {
    incoming.resume()
    poured.resolve(pour(response))
  })
  const answer = await begin(at.url, asking(at.passage))
  expect(await settled((await poured.promise).written)).toBeLessThan(total / 2)
  expect(await sizeOf(answer)).toBe(total)
})

test('an endpoint that does not read holds the agent back', async () => {
  const heard = Promise.withResolvers<IncomingMessage>()
  await using at = await stand((incoming, response) => {
    heard.resolve(incoming)
    incoming.once('end', () => response.end('{}'))
  })
  const outgoing = request(at.url, { method: 'POST', headers: showing(at.passage) })
  const { written } = pour(outgoing)
  const incoming = await heard.promise
  expect(await settled(written)).toBeLessThan(total / 2)
  expect(await sizeOf(incoming)).toBe(total)
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage]
  expect(await text(answer)).toBe('{}')
})

async function sizeOf(stream: IncomingMessage): Promise<number> {
  let size = 0
  for await (const chunk of stream) size += (chunk as Buffer).length
  return size
}

test.each(['before the answer', 'in the answer'])('an agent that goes away %s ends the request outside', async (when) => {
  const gone = Promise.withResolvers<void>()
  const asked = Promise.withResolvers<void>()
  await using at = await stand((incoming, response) => {
    incoming.resume()
    response.once('close', () => gone.resolve())
    if (when === 'in the answer') response.write('data: 1\n\n')
    asked.resolve()
  })
  const outgoing = request(at.url, { method: 'POST', headers: showing(at.passage) }).on('error', () => {})
  outgoing.end(body)
  await asked.promise
  if (when === 'in the answer') await once(outgoing, 'response')
  outgoing.destroy()
  await gone.promise
  expect(await at.stage.completed(1)).toMatchObject([{ failure: { kind: 'abandoned' } }])
})

test('an agent that only closes its own side is gone too', async () => {
  const gone = Promise.withResolvers<void>()
  const asked = Promise.withResolvers<void>()
  await using at = await stand((_incoming, response) => {
    response.once('close', () => gone.resolve())
    asked.resolve()
  })
  const { hostname, port, pathname, host } = new URL(at.url)
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
  socket.write(`POST ${pathname} HTTP/1.1\r\nhost: ${host}\r\nx-api-key: ${at.passage.placeholder}\r\ncontent-length: 2\r\n\r\n{}`)
  await asked.promise
  socket.end()
  await gone.promise
  socket.destroy()
})

test.each(['chunked', 'with a length'])('an answer %s that breaks off never looks whole', async (framing) => {
  await using at = await stand((_incoming, response) => {
    if (framing !== 'chunked') response.setHeader('content-length', 1000)
    response.write('data: 1\n\n', () => response.destroy())
  })
  const answer = await begin(at.url, asking(at.passage))
  await expect(buffer(answer)).rejects.toThrow('aborted')
  expect(answer.complete).toBe(false)
  expect(await at.stage.completed(1)).toMatchObject([{ status: 200, failure: { kind: 'interrupted' } }])
})

test('an endpoint that closes without an answer, or does not speak HTTP, closes the agent’s connection without one', async () => {
  await using at = await stand((_incoming, response) => response.destroy())
  await expect(ask(at.url, asking(at.passage))).rejects.toThrow('socket hang up')
  await using server = createServer((socket) => void socket.resume().end('SSH-2.0-OpenSSH_9.2\r\n')).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const other = at.stage.open({ name: 'other', upstream: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
  await expect(ask(`${other.url}${path}`, asking(other))).rejects.toThrow('socket hang up')
  const failed = { status: null, firstByteMs: null, usage: null, failure: { kind: 'interrupted' } }
  expect(await at.stage.completed(2)).toMatchObject([failed, failed])
})

test.each([
  ['messages' as const, path, { type: 'error', error: { type: 'api_error' } }],
  ['responses' as const, '/responses', { error: { code: 'model_unreachable' } }],
  ['generate_content' as const, '/v1beta/models/m:generateContent', { error: { code: 502, status: 'UNAVAILABLE' } }],
])('%s: an endpoint that is not there is told as such', async (dialect, asked, said) => {
  await using stage = await openStage()
  const passage = stage.open({ upstream: `http://127.0.0.1:${await closedPort()}`, dialect })
  const answer = await ask(`${passage.url}${asked}`, asking(passage))
  expect(answer.status).toBe(502)
  expect(JSON.parse(answer.body.toString())).toMatchObject(said)
  expect(answer.body.toString()).toContain('ECONNREFUSED')
  expect(await stage.completed(1)).toMatchObject([{ status: null, failure: { kind: 'unreachable' } }])
  expect(stage.calls.map(({ phase }) => phase)).toEqual(['started', 'completed'])
})

test('a name that nobody knows is told as such', async () => {
  await using stage = await openStage()
  const passage = stage.open({ upstream: 'http://model.invalid' })
  const answer = await ask(`${passage.url}${path}`, asking(passage))
  expect([answer.status, answer.body.toString()]).toEqual([502, expect.stringMatching(/ENOTFOUND|EAI_AGAIN/)])
})

test.each([301, 302, 303, 307, 308])('a redirect (%i) is not followed, and its place not told', async (status) => {
  await using elsewhere = await openEndpoint((_incoming, response) => response.end())
  await using at = await stand((_incoming, response) => response.writeHead(status, { location: elsewhere.url }).end())
  const answer = await ask(at.url, asking(at.passage))
  expect(answer.status).toBe(502)
  expect(answer.headers).not.toHaveProperty('location')
  expect(JSON.parse(answer.body.toString())).toMatchObject({
    type: 'error',
    error: { message: expect.stringContaining(`${status}`) as unknown },
  })
  expect(elsewhere.connections()).toBe(0)
  expect(await at.stage.completed(1)).toMatchObject([{ status, failure: null }])
})

test('an error of the endpoint passes whole, without the credential that it repeats', async () => {
  const said = `{"error":"Incorrect API key: ${canary}, and again ${canary}"}`
  await using at = await stand((_incoming, response) => {
    response.writeHead(401, `No ${canary}`, { 'content-type': 'application/json', 'x-key': `(${canary})`, 'content-length': said.length })
    for (const character of said) response.write(character)
    response.end()
  })
  const answer = await begin(at.url, asking(at.passage))
  const stars = '*'.repeat(canary.length)
  expect(await text(answer)).toBe(said.replaceAll(canary, stars))
  expect(answer).toMatchObject({ statusCode: 401, statusMessage: `No ${stars}`, headers: { 'x-key': `(${stars})` } })
  expect(await at.stage.completed(1)).toMatchObject([{ status: 401, failure: null, usage: null }])
})

test('an error that was compressed unasked is told without its body, as nobody looked into it', async () => {
  await using at = await stand((_incoming, response) => {
    response.writeHead(429, { 'content-encoding': 'gzip' }).end(gzipSync(canary))
  })
  const answer = await ask(at.url, asking(at.passage))
  expect(answer.status).toBe(429)
  expect(JSON.parse(answer.body.toString())).toMatchObject({ type: 'error' })
})

test('an endpoint that answers before it has the whole request, and takes no more, is heard', async () => {
  await using at = await stand((_incoming, response) => {
    response.writeHead(413, { connection: 'close' }).end('{"error":"too large"}')
  })
  const outgoing = request(at.url, { method: 'POST', headers: showing(at.passage) }).on('error', () => {})
  outgoing.write(Buffer.alloc(1024))
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage]
  expect([answer.statusCode, await text(answer)]).toEqual([413, '{"error":"too large"}'])
  outgoing.destroy()
})

test('connections to the endpoint are used again', async () => {
  await using at = await stand((incoming, response) => {
    incoming.resume()
    response.end('{}')
  })
  for (let index = 0; index < 3; index += 1) expect((await ask(at.url, asking(at.passage))).status).toBe(200)
  expect(at.endpoint.connections()).toBe(1)
})

test('disposing ends what is under way, on both sides', async () => {
  const gone = Promise.withResolvers<void>()
  await using at = await stand((_incoming, response) => {
    response.once('close', () => gone.resolve())
    response.write('data: 1\n\n')
  })
  const answer = await begin(at.url, asking(at.passage))
  await at.stage[Symbol.asyncDispose]()
  await expect(buffer(answer)).rejects.toThrow('aborted')
  await gone.promise
})

async function closedPort(): Promise<number> {
  const sockets: Socket[] = []
  const server = createServer((socket) => void sockets.push(socket)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
