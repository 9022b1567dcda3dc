import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { HttpContext } from './context.ts'
import { MAX_HEADERS } from './gates.ts'
import { readConnectionLimit } from './connection-limit.ts'
import { createListener } from './listener.ts'
import { refuseRaw } from './raw-refusal.ts'
import { bindUnixSocket } from './unix-socket.ts'

/** A listening server. Disposing it ends the streams with a last comment, then every connection. */
export interface HttpServer extends AsyncDisposable {
  /** `http://127.0.0.1:12345`, or `unix:/path`. */
  readonly url: string
}

const CLOSE_GRACE_MS = 2_000
/** In how many steps a client that takes nothing is given up. */
const STALL_STEPS = 4

/** Addresses that mean every one of the machine, and no one to call: each with one that can be called. */
const anyAddress: ReadonlyMap<string, string> = new Map([
  ['0.0.0.0', '127.0.0.1'],
  ['::', '::1'],
])

/** Starts to listen. Rejects when the address cannot be bound. */
export async function createHttpServer(context: HttpContext): Promise<HttpServer> {
  const closing = new AbortController()
  const answer = createListener(context, closing.signal)
  const open = new Set<ServerResponse>()
  const listener: typeof answer = (incoming, outgoing) => {
    open.add(outgoing)
    outgoing.once('close', () => open.delete(outgoing))
    answer(incoming, outgoing)
  }
  const server = createServer(
    {
      headersTimeout: 10_000,
      requestTimeout: 30_000,
      // How often the two are looked at; with the default a timeout fires up to 30 s late.
      connectionsCheckingInterval: 1_000,
      keepAliveTimeout: 60_000,
      // The gate asks for it, with an answer that keeps browsers out as all others do; Node's has no headers.
      requireHostHeader: false,
      keepAlive: true,
      keepAliveInitialDelay: 15_000,
    },
    listener,
  )
  // One more than is allowed, so that the gate sees when there are too many: Node drops the rest silently.
  server.maxHeadersCount = MAX_HEADERS + 1
  server.maxConnections = readConnectionLimit() ?? Infinity
  const step = context.limits.stallMs / STALL_STEPS
  server.timeout = step
  server.on('timeout', createStallCheck(step))
  server.on('checkContinue', listener)
  server.on('checkExpectation', listener)
  const last = new WeakMap<Duplex, ServerResponse>()
  server.on('request', (incoming, outgoing) => last.set(incoming.socket, outgoing))
  server.on('clientError', (error, socket) => refuseRaw(error, socket, last.get(socket)))
  for (const event of ['upgrade', 'connect'] as const) server.on(event, (_request, socket) => refuseRaw(null, socket, last.get(socket)))
  return {
    url: await bind(server, context),
    async [Symbol.asyncDispose]() {
      closing.abort()
      const closed = new Promise((resolve) => server.close(resolve))
      const timer = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS)
      await Promise.race([closed, Promise.all([...open].map((outgoing) => once(outgoing, 'close')))])
      // Clients keep connections in store on which they have asked nothing yet; Node would wait for those.
      server.closeAllConnections()
      await closed
      clearTimeout(timer)
    },
  }
}

/**
 * Sockets without traffic, told of once a step: closed when something waits to be taken and nothing was for the whole time, left alone while
 * a handler still works. Node lets one step pass untold when the system has taken a part of what it was given last.
 */
function createStallCheck(step: number): (socket: Socket) => void {
  const quiet = new WeakMap<Socket, { readonly steps: number; readonly at: number }>()
  return (socket) => {
    if (socket.writableLength === 0) return
    const now = performance.now()
    const before = quiet.get(socket)
    // Where a step was not told, something was taken meanwhile.
    const steps = before === undefined || now - before.at > 1.5 * step ? 1 : before.steps + 1
    if (steps === STALL_STEPS - 1) {
      socket.destroy()
      return
    }
    quiet.set(socket, { steps, at: now })
    socket.setTimeout(step)
  }
}

async function bind(server: Server, { listen }: HttpContext): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.once('listening', resolve)
  if ('path' in listen) await bindUnixSocket(server, listen.path)
  else server.listen(listen.port, listen.host)
  await promise
  server.off('error', reject)
  if ('path' in listen) return `unix:${listen.path}`
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  const host = anyAddress.get(listen.host) ?? listen.host
  return `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`
}
