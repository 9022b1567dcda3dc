import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer as createHttpServer, type RequestListener, type Server as HttpServer } from 'node:http'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ConfinementDenial } from '@codesdkd/protocol'
import { onTestFinished } from 'vitest'
import { openEgress, type EgressOptions } from '../egress.ts'
import type { Target } from '../host.ts'

export interface Site {
  readonly port: number
  /** Connections that it was ever given. */
  readonly visits: () => number
}

/** A plain HTTP server of this machine, for the length of a test. */
export async function openSite(listener: RequestListener): Promise<Site> {
  return listen(createHttpServer(listener))
}

/** A server without a protocol. */
export async function openRawSite(listener: (socket: Socket) => void): Promise<Site> {
  return listen(createServer({ allowHalfOpen: true }, listener))
}

async function listen(server: Server | HttpServer, host = '127.0.0.1'): Promise<Site> {
  const sockets = new Set<Socket>()
  let visits = 0
  server.on('connection', (socket: Socket) => {
    visits++
    sockets.add(socket.on('error', () => {}))
  })
  await once(server.listen(0, host), 'listening')
  onTestFinished(async () => {
    const closed = once(server, 'close')
    server.close()
    for (const socket of sockets) socket.destroy()
    await closed
  })
  return { port: (server.address() as AddressInfo).port, visits: () => visits }
}

export interface Room {
  readonly path: string
  readonly directory: string
  readonly denials: readonly ConfinementDenial[]
  readonly asked: readonly Target[]
  /** Ends it before the test does. */
  readonly dispose: () => Promise<void>
}

export type RoomOptions = Partial<Omit<EgressOptions, 'allow' | 'deny'>> & {
  readonly allow?: readonly string[]
  readonly deny?: readonly string[]
  /** Names and the addresses that they lead to. */
  readonly names?: Readonly<Record<string, readonly string[]>>
  /** What stands for the outside world: 127.0.0.1 (the default), or what is really public. */
  readonly outside?: 'loopback' | 'public'
}

/** An egress in which names lead to 127.0.0.1, and where everybody who is asked says no. */
export async function openRoom({ allow = [], deny = [], names, outside = 'loopback', ...options }: RoomOptions = {}): Promise<Room> {
  const directory = await mkdtemp(join(tmpdir(), 'egress-'))
  const denials: ConfinementDenial[] = []
  const asked: Target[] = []
  const egress = await openEgress({
    socket: { directory, name: 'egress.sock' },
    allow: () => allow,
    deny: () => deny,
    resolve: async (host) => (names === undefined ? ['127.0.0.1'] : (names[host] ?? Promise.reject(new Error('ENOTFOUND')))),
    ...(outside === 'loopback' ? { isPublic: (address: string) => address === '127.0.0.1' } : {}),
    refused: (denial) => denials.push(denial),
    environment: {},
    ...options,
    judge: async (target) => {
      asked.push(target)
      return (await options.judge?.(target)) ?? { decision: 'denied', reason: 'Nobody wants that.' }
    },
  })
  let ended = false
  const dispose = async () => {
    if (!ended) await egress[Symbol.asyncDispose]()
    ended = true
  }
  onTestFinished(async () => {
    await dispose()
    await rm(directory, { recursive: true, force: true })
  })
  return { path: egress.path, directory, denials, asked, dispose }
}

/** A client on the socket; its errors are no failure of the test. */
export async function dialRoom(path: string): Promise<Socket> {
  const socket = connect({ path, allowHalfOpen: true })
  socket.on('error', () => {})
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
  return socket
}

/** Sends a text and reads until the other side ends, or only the head of what it answers. */
export async function say(path: string, text: string, headOnly = false): Promise<string> {
  const socket = await dialRoom(path)
  socket.write(text)
  const answer = headOnly ? await readUntil(socket, '\r\n\r\n') : await readAll(socket)
  socket.destroy()
  return answer
}

export async function readAll(socket: Socket): Promise<string> {
  let text = ''
  for await (const chunk of socket.setEncoding('latin1') as AsyncIterable<string>) text += chunk
  return text
}

/** Reads until a text has come, and leaves what follows it. Rejects when the socket ends before. */
export async function readUntil(socket: Socket, wanted: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  let text = ''
  const take = (chunk: Buffer) => {
    text += chunk.toString('latin1')
    if (text.includes(wanted)) resolve()
  }
  const end = () => reject(new Error(`ended after ${JSON.stringify(text)}`))
  socket.on('data', take).on('end', end).on('close', end).resume()
  await promise.finally(() => socket.pause().off('data', take).off('end', end).off('close', end))
  const length = text.indexOf(wanted) + wanted.length
  if (length < text.length) socket.unshift(Buffer.from(text.slice(length), 'latin1'))
  return text.slice(0, length)
}

/** A tunnel that stands. */
export async function openTunnel(path: string, authority: string): Promise<Socket> {
  const socket = await dialRoom(path)
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nhost: ${authority}\r\n\r\n`)
  const answer = await readUntil(socket, '\r\n\r\n')
  if (!answer.startsWith('HTTP/1.1 200 ')) throw new Error(answer)
  return socket
}

/** A TCP port that leads to the socket, as the relay inside the wall offers it to the agent's programs. */
export async function openRelay(path: string): Promise<number> {
  const { port } = await openRawSite((socket) => {
    const inner = connect({ path, allowHalfOpen: true })
    socket.setNoDelay(true).pipe(inner).pipe(socket)
    inner.on('error', () => socket.destroy())
    socket.on('close', () => inner.destroy())
  })
  return port
}

export function get(url: string, headers = ''): string {
  return `GET ${url} HTTP/1.1\r\nhost: example.com\r\n${headers}connection: close\r\n\r\n`
}

export function connectTo(authority: string): string {
  return `CONNECT ${authority} HTTP/1.1\r\nhost: ${authority}\r\n\r\n`
}

/** A site that says hello and the path it was asked for. */
export async function openGreeting(): Promise<Site> {
  return openSite((request, response) => response.end(`hello ${request.url}`))
}
