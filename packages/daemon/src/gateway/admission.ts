import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Route } from '../core/enclosure.ts'
import { findEndpoint, toAllowed, type Asked } from './endpoints.ts'
import { Refusal } from './refusal.ts'

interface Named {
  readonly route: Pick<Route, 'name' | 'dialect'>
}

/** What a request has to show before anything outside is asked. */
export interface Gate<R extends Named> {
  /** Values of Host that mean this gateway. */
  readonly hosts: ReadonlySet<string>
  readonly placeholder: string
  /** What is open, by the names of the routes. */
  readonly routes: ReadonlyMap<string, R>
}

/** A request that may go out. */
export interface Admitted<R> extends Asked {
  readonly opened: R
  /** What is asked for, below the base URL of the route. */
  readonly path: string
  /** Without what it must not say, and with its `?`; empty where there is none. */
  readonly query: string
}

/** The route that a request names, whether it may be used or not. */
export function findRoute<R extends Named>({ routes }: Gate<R>, target: string): R | null {
  return routes.get(/^\/([a-z0-9_-]{1,80})(?=[/?]|$)/.exec(target)?.[1] ?? '') ?? null
}

/** Throws `Refusal`. */
export function admit<R extends Named>(gate: Gate<R>, request: IncomingMessage): Admitted<R> {
  const { url: target = '', method = '', headers } = request
  const [path = '', search = ''] = splitOnce(target, '?')
  // A page of a browser, brought here by a name that was bound anew, still carries its own name.
  if (!gate.hosts.has(headers.host ?? '')) throw new Refusal(403, 'This gateway has another name: the Host header is not its own.')
  // MCP clients look for a login there. The gateway logs in itself.
  if (/(?:^|\/)\.well-known(?:\/|$)/.test(path))
    throw new Refusal(404, 'There is no login here: the gateway itself puts on the credential.')
  const query = new URLSearchParams(search)
  if (![...toPresented(headers), ...query.getAll('key')].some((shown) => isSame(shown, gate.placeholder)))
    throw new Refusal(401, 'The request does not carry the placeholder of this session as its key.')
  if (headers.upgrade !== undefined) throw new Refusal(403, 'No other protocol is spoken here: Upgrade is refused.')
  const opened = findRoute(gate, target)
  if (opened === null) throw new Refusal(404, 'There is no such route.')
  const { name, dialect } = opened.route
  const below = path.slice(name.length + 1)
  const asked = findEndpoint(dialect, method, below)
  if (asked === null) throw new Refusal(403, `${method} ${below.slice(0, 200)} is not allowed here. Allowed: ${toAllowed(dialect)}.`)
  return { ...asked, opened, path: below, query: toQuery(search) }
}

function toPresented(headers: IncomingMessage['headers']): readonly string[] {
  const named = ['x-api-key', 'x-goog-api-key', 'api-key'].flatMap((name) => headers[name] ?? [])
  const bearer = /^Bearer +(.+)$/i.exec(headers.authorization ?? '')?.[1]
  return bearer === undefined ? named : [bearer, ...named]
}

/** Takes as long whatever is presented. */
function isSame(presented: string, placeholder: string): boolean {
  const [a, b] = [presented, placeholder].map((text) => createHash('sha256').update(text).digest())
  return a !== undefined && b !== undefined && timingSafeEqual(a, b)
}

/**
 * What a query can say in place of a header: who asks, and that another method, other headers or another body are meant. Google's APIs
 * take all of that in parameters that begin with a dollar sign.
 */
const unsaid = /^(?:\$.*|key|access_token|oauth_token|_method|x-http-method-override)$/is

/** The query as it came, but for that. */
function toQuery(search: string): string {
  const kept = search.split('&').filter((pair) => pair !== '' && ![...new URLSearchParams(pair).keys()].some((name) => unsaid.test(name)))
  return kept.length === 0 ? '' : `?${kept.join('&')}`
}

function splitOnce(text: string, separator: string): readonly string[] {
  const at = text.indexOf(separator)
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + separator.length)]
}
