import { Problem } from '@codesdkd/protocol'
import { owner, type Principal } from '../core/rights.ts'
import type { AccessRules, Tokens } from './context.ts'

/** What of a request the gates look at: as it came, before anything is parsed or routed. */
export interface RequestHead {
  readonly httpVersion: string
  readonly method: string
  readonly url: string
  /** By their names in small letters; each with all its values. */
  readonly headers: ReadonlyMap<string, readonly string[]>
  /** Header lines. */
  readonly headerCount: number
  /** The daemon's end of the connection; null on a Unix socket. */
  readonly local: { readonly address: string; readonly port: number } | null
}

export const MAX_HEADERS = 100

const loopbackNames = ['127.0.0.1', 'localhost', '[::1]']

/** Headers as they came, names and values in turn. (`headersDistinct` of Node stumbles over one that is called `__proto__`.) */
export function readHeaders(raw: readonly string[]): Pick<RequestHead, 'headers' | 'headerCount'> {
  const headers = new Map<string, string[]>()
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const [name, value] = [raw[at]?.toLowerCase() ?? '', raw[at + 1] ?? '']
    const values = headers.get(name)
    if (values === undefined) headers.set(name, [value])
    else values.push(value)
  }
  return { headers, headerCount: raw.length / 2 }
}

/**
 * Where does the request come from: Host, then Origin, then Sec-Fetch-Site, then Referer. Returns why it is refused, or null.
 * Every header is judged by all its values, so a second one cannot hide behind the first.
 */
export function refuseOrigin(head: RequestHead, rules: AccessRules): Problem | null {
  if (head.headerCount > MAX_HEADERS)
    return new Problem('invalid_request', `At most ${MAX_HEADERS} headers are accepted.`, { members: { limit: MAX_HEADERS } })
  return refuseHost(head, rules) ?? refuseTarget(head) ?? refuseSite(head, rules)
}

/**
 * Who is asking, as far as the request itself says: the bearer token. Without token mode whoever shows none is the owner, and a token that was
 * minted here narrows that; any other Authorization header says nothing there. Returns why the request is refused, or who asks.
 */
export function identify(head: RequestHead, rules: AccessRules, tokens: Pick<Tokens, 'isMinted' | 'find'>): Problem | Principal {
  const values = headerValues(head, 'authorization')
  if (values.length > 1) return new Problem('invalid_request', 'The Authorization header must occur once.')
  const given = /^bearer +(\S+) *$/i.exec(values[0] ?? '')?.[1]
  if (rules.auth !== 'token' && (given === undefined || !tokens.isMinted(given))) return owner
  const found = given === undefined ? null : tokens.find(given)
  return found ?? new Problem('unauthorized', 'Send a token of this daemon as "Authorization: Bearer <token>".')
}

/** The request's Origin, if it is one that may call from a browser page of another site. */
export function allowedOrigin(head: RequestHead, rules: AccessRules): string | null {
  const origins = headerValues(head, 'origin')
  const [origin] = origins
  return origins.length === 1 && origin !== undefined && rules.allowedOrigins.includes(origin) ? origin : null
}

function refuseHost(head: RequestHead, rules: AccessRules): Problem | null {
  const values = headerValues(head, 'host')
  const [host] = values
  if (host === undefined) return new Problem('host_required', 'Send the Host header, once.')
  if (values.length > 1) return new Problem('invalid_request', 'The Host header must occur once.')
  const name = host.toLowerCase()
  // What nearly everybody says.
  if (head.local !== null && name === `${head.local.address}:${head.local.port}`) return null
  if (hostNames(head, rules).includes(name)) return null
  return new Problem('host_not_allowed', 'The Host header does not name this daemon; --allow-host admits others.')
}

/** The names under which this daemon may be called. A name that another party could point here is not among them. */
function hostNames({ local }: RequestHead, rules: AccessRules): readonly string[] {
  const allowed = rules.allowedHosts.map((host) => host.toLowerCase())
  if (local === null) return [...allowed, 'localhost']
  const address = local.address.replace(/^::ffff:/i, '')
  const names = [...loopbackNames, address.includes(':') ? `[${address}]` : address]
  const ours = names.flatMap((name) => (local.port === 80 ? [name, `${name}:80`] : [`${name}:${local.port}`]))
  return [...allowed, ...ours]
}

function refuseTarget(head: RequestHead): Problem | null {
  if (head.url.startsWith('/')) return null
  return new Problem('invalid_request', 'The request target must be a path.')
}

function refuseSite(head: RequestHead, rules: AccessRules): Problem | null {
  const origins = headerValues(head, 'origin')
  const trusted = (origin: string) =>
    origin === `http://${headerValues(head, 'host')[0]?.toLowerCase()}` || rules.allowedOrigins.includes(origin)
  if (!origins.every(trusted))
    return new Problem('origin_not_allowed', 'This Origin may not call the daemon; --allow-origin admits others.')
  if (allowedOrigin(head, rules) !== null) return null
  if (!headerValues(head, 'sec-fetch-site').every((site) => site === 'same-origin' || site === 'none')) {
    return new Problem('cross_site_blocked', 'Pages of other sites may not call the daemon.')
  }
  if (!headerValues(head, 'referer').every((referer) => referer === '' || trusted(originOf(referer)))) {
    return new Problem('origin_not_allowed', 'Pages of other sites may not link into the daemon.', { members: { header: 'referer' } })
  }
  return null
}

function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : url
}

function headerValues({ headers }: RequestHead, name: string): readonly string[] {
  return headers.get(name) ?? []
}
