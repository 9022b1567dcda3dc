import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import type { Passage, Route } from '../core/enclosure.ts'
import type { Clock } from '../core/ports.ts'
import { admit, findRoute, type Admitted, type Gate } from './admission.ts'
import { exchange } from './exchange.ts'
import { listen, type SocketPlace } from './listen.ts'
import { unwatched, watchCall, type CallWatch, type ModelCall } from './model-call.ts'
import { toOpenRoute, type OpenRoute } from './open-route.ts'
import { Refusal, sendRefusal } from './refusal.ts'
import { createTrust, createUplink, type Trust } from './uplink.ts'

export type { CallFailure, ModelCall } from './model-call.ts'
export { createTrust, type Trust } from './uplink.ts'

export interface GatewayOptions {
  /** Behind a wall a socket of the session, else a free port of 127.0.0.1. */
  readonly listen: 'loopback' | SocketPlace
  /** The daemon's own: its proxies lead outside. */
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly newId: () => string
  /** Told of each call of a model, in order. Must not throw. */
  readonly onCall: (call: ModelCall) => void
  /** Default: one of its own, of `environment`. It costs some 40 ms and MB: many gateways had better share one. */
  readonly trust?: Trust
  /** Default: that of the process. */
  readonly clock?: Pick<Clock, 'monotonic'>
}

/**
 * The way of one session's agent to its endpoints. The agent shows a placeholder and asks for what the route's dialect allows; the
 * gateway puts the credential on. Disposing it ends all that is under way.
 */
export interface Gateway extends AsyncDisposable {
  /** How the agent reaches it, without a slash at its end. */
  readonly url: string
  /** Throws `RuntimeFailure` for a route on which nothing can be sent, and `RangeError` for a name that is taken or no name. */
  open(route: Route): Passage
  /** A way to an MCP server of the daemon's own, which gets what a route to one outside would. Throws as `open` does. */
  serve(name: string, listener: RequestListener): Passage
}

/** What the daemon itself answers. */
interface LocalRoute {
  readonly route: Pick<Route, 'name' | 'dialect'>
  readonly listener: RequestListener
}

/** An agent opens a few. What is beyond is closed at once. */
const MOST_CONNECTIONS = 256

/** Rejects with the system's error where nothing can listen. */
export async function openGateway(options: GatewayOptions): Promise<Gateway> {
  const { environment, trust = createTrust(environment) } = options
  await using stack = new AsyncDisposableStack()
  const uplink = stack.use(createUplink(environment, trust))
  const routes = new Map<string, OpenRoute | LocalRoute>()
  const hosts = new Set<string>()
  const gate: Gate<OpenRoute | LocalRoute> = { hosts, routes, placeholder: `codesdkd-placeholder-${randomBytes(16).toString('hex')}` }
  // No bounds of time but for the headers: an agent may keep a connection, and a model may think, for as long as they like.
  const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 60_000, maxHeaderSize: 64 * 1024, noDelay: true })
  server.maxConnections = MOST_CONNECTIONS
  server.on('request', handle)
  const { url } = stack.use(await listen(server, options.listen))
  const { host, port } = new URL(url)
  hosts.add(host).add(`localhost:${port}`)
  const parts = stack.move()
  return {
    url,
    open: (route) => add(toOpenRoute(route)),
    serve: (name, listener) => add({ route: { name, dialect: 'mcp' }, listener }),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }

  function add(opened: OpenRoute | LocalRoute): Passage {
    const { name } = opened.route
    if (!/^[a-z0-9_-]{1,80}$/.test(name) || routes.has(name)) throw new RangeError(`Not a new name of a route: ${name}`)
    routes.set(name, opened)
    return { url: `${url}/${name}`, placeholder: gate.placeholder }
  }

  function handle(request: IncomingMessage, response: ServerResponse): void {
    try {
      const { opened, ...asked } = admit(gate, request)
      if ('listener' in opened) opened.listener(request, response)
      else pass({ ...asked, opened }, request, response)
    } catch (error) {
      const refusal = error instanceof Refusal ? error : new Refusal(502, 'The gateway cannot send this request.', { cause: error })
      sendRefusal(response, findRoute(gate, request.url ?? '')?.route.dialect ?? null, refusal)
    }
  }

  function pass(admitted: Admitted<OpenRoute>, request: IncomingMessage, response: ServerResponse): void {
    const { opened, path, query } = admitted
    const call = watch(admitted)
    try {
      exchange(
        { opened, target: opened.toTarget(path, query), agent: uplink.agent(opened.upstream.protocol), watch: call },
        request,
        response,
      )
    } catch (error) {
      // A proxy that cannot be understood, or headers with which nothing can be sent.
      call.end({ kind: 'unreachable', message: 'The gateway cannot send this request.' })
      throw error
    }
  }

  function watch({ endpoint, model, opened }: Admitted<OpenRoute>): CallWatch {
    if (endpoint.call === null) return unwatched
    const { newId, onCall, clock } = options
    const now = () => clock?.monotonic() ?? performance.now()
    return watchCall({ id: newId(), route: opened.route.name, model, wording: endpoint.call, now, onCall })
  }
}
