import type { IncomingMessage, ServerResponse } from 'node:http'
import { Problem } from '@codesdkd/protocol'
import { readBody } from './body.ts'
import type { HttpContext } from './context.ts'
import type { Exchange } from './exchange.ts'
import { allowedOrigin, identify, readHeaders, refuseOrigin, type RequestHead } from './gates.ts'
import { toOwnContext, type OwnContext } from './own-context.ts'
import { createPeerCheck, type PeerCheck } from './peer.ts'
import { owner, type Principal } from '../core/rights.ts'
import { toProblemReply } from './problem-reply.ts'
import { RecentFrames } from './recent-frames.ts'
import { send, type Reply } from './reply.ts'
import { createRouter, type Match, type Router } from './router.ts'
import { routes } from './routes.ts'
import { createStreamGauge } from './stream-gauge.ts'
import { verbNotAllowed } from './token-registry.ts'

/** What all requests share. */
interface Edge {
  readonly context: HttpContext
  readonly closing: AbortSignal
  readonly route: Router
  readonly peer: PeerCheck
  readonly openStream: () => () => void
  readonly recent: RecentFrames
  /** What of the context somebody sees. */
  readonly own: (principal: Principal) => OwnContext
}

/** The request listener: gates, then route, then handler, then answer. It never throws. */
export function createListener(context: HttpContext, closing: AbortSignal) {
  const sameUser = context.access.auth === 'same-user'
  const everything = toOwnContext(context, owner)
  const edge: Edge = {
    context,
    closing,
    route: createRouter(routes),
    // The mode of a Unix socket keeps other users out, and the system does not tell who is at its other end.
    peer:
      'path' in context.listen ? async () => null : createPeerCheck({ sameUser, uid: process.getuid?.() ?? -1, agents: context.agents }),
    openStream: createStreamGauge(context),
    recent: new RecentFrames(),
    own: (principal) => (principal === owner ? everything : toOwnContext(context, principal)),
  }
  return (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    const id = context.newId()
    answer(edge, id, incoming, outgoing).catch((error: unknown) => {
      context.logger.error({ err: error, request_id: id }, 'an answer broke off')
      outgoing.destroy()
    })
  }
}

/** Nobody in who does not belong, and nobody in while it is full. */
const refusals: ReadonlySet<number> = new Set([401, 403, 429])

async function answer(edge: Edge, id: string, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const { context } = edge
  const head = toHead(incoming)
  const reply = await toReply(edge, id, head, incoming, outgoing).catch((error: unknown) => {
    if (error instanceof Problem && refusals.has(error.status)) context.metrics.denied(error.code)
    return toProblemReply(error, id, context.logger)
  })
  const last = edge.closing.aborted ? { connection: 'close' } : {}
  await send(reply, incoming, outgoing, { 'x-request-id': id, ...corsHeaders(head, context), ...last })
}

/** Rejects with the `Problem` that refuses the request, wherever it is found. */
async function toReply(edge: Edge, id: string, head: RequestHead, incoming: IncomingMessage, outgoing: ServerResponse): Promise<Reply> {
  const { context } = edge
  const { access } = context
  admit(refuseOrigin(head, access))
  if (isPreflight(head, incoming, access)) return preflight
  const [path = '', ...query] = head.url.split('?')
  const match = edge.route(head.method, withoutBase(path, access.basePath))
  const open = !(match instanceof Problem) && match.route.open === true
  const principal = open ? owner : await toPrincipal(edge, head, incoming)
  if (match instanceof Problem) throw match
  return run(match, toExchange(edge, { id, principal, query: query.join('?') }, incoming, outgoing), edge)
}

/** Rejects with the `Problem` of who may not come in. */
async function toPrincipal({ context, peer }: Edge, head: RequestHead, incoming: IncomingMessage): Promise<Principal> {
  const found = identify(head, context.access, context.tokens)
  if (found instanceof Problem) throw found
  admit(await peer(incoming.socket))
  return found
}

/** The one place where the rights of whoever asks meet the route: its verb here, its sessions in what it is given to work with. */
async function run({ route, params }: Match, exchange: Exchange, { context, own }: Edge): Promise<Reply> {
  const { principal } = exchange
  if (route.verb !== undefined && !principal.rights.verbs.has(route.verb)) throw verbNotAllowed(route.verb, principal)
  if (route.startsWork === true && context.daemon.state() === 'stopping') throw new Problem('shutting_down', 'The daemon is shutting down.')
  return route.run(params, exchange, own(principal))
}

function admit(problem: Problem | null): void {
  if (problem !== null) throw problem
}

function toHead(incoming: IncomingMessage): RequestHead {
  const { localAddress, localPort } = incoming.socket
  return {
    httpVersion: incoming.httpVersion,
    method: incoming.method ?? '',
    url: incoming.url ?? '',
    ...readHeaders(incoming.rawHeaders),
    local: localAddress === undefined || localPort === undefined ? null : { address: localAddress, port: localPort },
  }
}

function toExchange(
  edge: Edge,
  about: Pick<Exchange, 'id' | 'principal' | 'query'>,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Exchange {
  const { principal } = about
  let gone: AbortSignal | null = null
  return {
    ...about,
    method: incoming.method ?? '',
    headers: incoming.headers,
    // Most handlers need none.
    get signal() {
      return (gone ??= whenGone(outgoing))
    },
    // The owner's rights do not end.
    closing: principal.kind === 'owner' ? edge.closing : AbortSignal.any([edge.closing, principal.ended]),
    readBody: (limit) => readBody(incoming, outgoing, limit),
    openStream: edge.openStream,
    recent: edge.recent,
  }
}

/** Aborted when the client is gone before the answer is complete. */
function whenGone(outgoing: ServerResponse): AbortSignal {
  const gone = new AbortController()
  const check = () => {
    if (!outgoing.writableFinished) gone.abort()
  }
  if (outgoing.closed) check()
  else outgoing.once('close', check)
  return gone.signal
}

/** The path behind the prefix of a proxy that does not strip it. */
function withoutBase(path: string, base: string): string {
  if (base === '' || (path !== base && !path.startsWith(`${base}/`))) return path
  return path.slice(base.length) || '/'
}

function isPreflight(head: RequestHead, incoming: IncomingMessage, access: HttpContext['access']): boolean {
  return (
    head.method === 'OPTIONS' && incoming.headers['access-control-request-method'] !== undefined && allowedOrigin(head, access) !== null
  )
}

/** A browser asks before it sends; it shows no credentials yet, and learns only what the API document says. */
const preflight: Reply = {
  status: 204,
  headers: {
    'access-control-allow-methods': 'GET, HEAD, POST, PATCH, DELETE',
    'access-control-allow-headers': 'authorization, content-type, idempotency-key, last-event-id, range, if-none-match',
    'access-control-max-age': '600',
  },
  body: null,
}

function corsHeaders(head: RequestHead, context: HttpContext): Record<string, string> {
  const origin = allowedOrigin(head, context.access)
  if (origin === null) return {}
  return {
    'access-control-allow-origin': origin,
    'access-control-expose-headers':
      'x-request-id, x-codesdkd-ignored-fields, idempotent-replay, retry-after, etag, content-disposition, content-range',
  }
}
