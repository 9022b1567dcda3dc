import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { ConfinementDenial } from '@codesdkd/protocol'
import { toDenial } from './denials.ts'
import { forward, toPlainRequest } from './forward.ts'
import { createGate, type Gate, type GateOptions } from './gate.ts'
import { toAuthority, toTarget } from './host.ts'
import { connectOutside } from './outside.ts'
import { toParentProxy } from './parent-proxy.ts'
import { Refusal, refuse, refuseSocket, toRefusal } from './refusal.ts'
import { listenOnFile, type SocketPlace } from './socket-file.ts'
import { holdBack, splice } from './tunnel.ts'

export interface EgressOptions extends GateOptions {
  readonly socket: SocketPlace
  /** Told of each connection that the rules refused. It must not throw. */
  readonly refused: (denial: ConfinementDenial) => void
  /** The daemon's own environment: it may name a proxy of this machine. */
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** The way outside of one session. Disposing it breaks off every connection and removes the socket. */
export interface Egress extends AsyncDisposable {
  /** The socket's file. */
  readonly path: string
}

/** Requests and tunnels at once; more are answered with 503. Twice as many connections, idle ones included, may be open. */
const EXCHANGES = 256
const HEAD_LIMIT = 16_384
const HEAD_TIME = 60_000

/** What an exchange needs to find its way. */
interface Ways {
  readonly gate: Gate
  readonly environment: EgressOptions['environment']
}

/**
 * Opens an HTTP proxy (CONNECT, and plain requests in absolute form) on a socket in the file system; each connection passes the gate.
 * Rejects where the socket cannot be bound.
 */
export async function openEgress(options: EgressOptions): Promise<Egress> {
  const ways: Ways = { gate: createGate(options), environment: options.environment }
  const exchanges = createExchanges((refusal) => {
    const denial = toDenial(refusal)
    if (denial !== null) options.refused(denial)
  })
  const clients = new Set<Socket>()
  const server = createServer({ maxHeaderSize: HEAD_LIMIT, headersTimeout: HEAD_TIME, requestTimeout: 0, keepAliveTimeout: HEAD_TIME })
  server.maxConnections = 2 * EXCHANGES
  server.on('connection', (socket) => {
    clients.add(socket)
    socket.once('close', () => clients.delete(socket))
  })
  server.on('request', (request, response) => {
    const refusing = (refusal: Refusal) => (response.headersSent ? response.destroy() : refuse(response, refusal))
    exchanges.run((signal) => servePlain(ways, request, response, signal), response, refusing)
  })
  server.on('connect', (request: IncomingMessage, _socket, head: Buffer) => {
    const { socket } = request
    socket.on('error', () => socket.destroy())
    exchanges.run(
      (signal) => serveTunnel(ways, request, head, signal),
      socket,
      (refusal) => refuseSocket(socket, refusal),
    )
  })
  const file = await listenOnFile(server, options.socket)
  // A connection that cannot be taken, for want of descriptors say, is the client's trouble and not the daemon's.
  server.on('error', () => {})
  return {
    path: file.path,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const client of clients) client.destroy()
      await closed
      await exchanges.over()
      await file[Symbol.asyncDispose]()
    },
  }
}

interface Exchanges {
  /** Runs one exchange to its end, or to that of its client. What goes wrong is told to a client that is still there. */
  run(exchange: (signal: AbortSignal) => Promise<void>, client: Socket | ServerResponse, refusing: (refusal: Refusal) => void): void
  /** Resolves when those that run now are over. */
  over(): Promise<unknown>
}

function createExchanges(tell: (refusal: Refusal) => void): Exchanges {
  const running = new Set<Promise<void>>()
  return {
    run(exchange, client, refusing) {
      const gone = new AbortController()
      client.once('close', () => gone.abort())
      const ended = (running.size < EXCHANGES ? exchange(gone.signal) : Promise.reject(full())).catch((error: unknown) => {
        if (gone.signal.aborted) return
        const refusal = toRefusal(error)
        tell(refusal)
        refusing(refusal)
      })
      running.add(ended)
      void ended.finally(() => running.delete(ended))
    },
    over: () => Promise.all(running),
  }
}

function full(): Refusal {
  return new Refusal(503, 'Too many connections at once', { advice: `A session may have ${EXCHANGES}. Close some and try again.` })
}

async function servePlain(
  { gate, environment }: Ways,
  request: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const plain = toPlainRequest(request)
  const { target, path } = plain
  const parent = toParentProxy(environment, 'http', target)
  const addresses = await gate.admit(target, parent !== null, signal)
  const onward =
    parent === null
      ? { socket: await connectOutside(target, addresses, signal), path, authorization: null }
      : { socket: await parent.connect(signal), path: `http://${toAuthority(target)}${path}`, authorization: parent.authorization }
  await forward(plain, onward, request, response, signal)
}

async function serveTunnel(ways: Ways, { socket: client, url = '' }: IncomingMessage, head: Buffer, signal: AbortSignal): Promise<void> {
  const release = holdBack(client, head)
  const outside = await reach(ways, url, signal).finally(release)
  client.write('HTTP/1.1 200 Connection established\r\n\r\n')
  await splice(client, outside)
}

async function reach({ gate, environment }: Ways, authority: string, signal: AbortSignal): Promise<Socket> {
  const target = toTarget(authority, null)
  if (target === null) throw new Refusal(400, 'Not a valid host and port')
  const parent = toParentProxy(environment, 'https', target)
  const addresses = await gate.admit(target, parent !== null, signal)
  return parent === null ? connectOutside(target, addresses, signal) : parent.tunnel(target, signal)
}
