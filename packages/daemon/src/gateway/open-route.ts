import { validateHeaderName, validateHeaderValue } from 'node:http'
import type { Route } from '../core/enclosure.ts'
import { RuntimeFailure } from '../core/ports.ts'
import { toOwnHeaders } from './headers.ts'
import { toHidden } from './mask.ts'

/** A route as requests on it need it. */
export interface OpenRoute {
  readonly route: Route
  /** Scheme, host and port of the endpoint. */
  readonly upstream: URL
  /** Set on each request; secret. */
  readonly own: Readonly<Record<string, string>>
  /** What no answer may show: above all the credential. */
  readonly hidden: {
    readonly everywhere: readonly string[]
    /** Other headers may be words that a model has a right to say. */
    readonly inErrors: readonly string[]
  }
  /** Where a request goes: path and query. */
  toTarget(path: string, query: string): string
}

/** Throws `RuntimeFailure` for a route that no request can be sent on. */
export function toOpenRoute(route: Route): OpenRoute {
  const { name, credential, dialect } = route
  const upstream = URL.parse(route.upstream)
  if (upstream === null || !/^https?:$/.test(upstream.protocol)) throw unusable(`The endpoint of ${name} is not an HTTP URL.`)
  const own = toCheckedHeaders(route, upstream)
  const everywhere = toHidden(credential === null ? [] : [credential.secret])
  // The base URL of a model may end in a slash, which joins; that of an MCP server is what it is.
  const base = dialect === 'mcp' ? upstream.pathname : upstream.pathname.replace(/\/+$/, '')
  return {
    route,
    upstream,
    own: { ...own, host: upstream.host },
    hidden: { everywhere, inErrors: toHidden([...everywhere, ...Object.values(own)]) },
    toTarget: (path, query) => `${base}${path}${join(upstream.search, query)}`,
  }
}

function toCheckedHeaders(route: Route, upstream: URL): Readonly<Record<string, string>> {
  try {
    const own = toOwnHeaders(route, upstream)
    for (const [name, value] of Object.entries(own)) {
      validateHeaderName(name)
      validateHeaderValue(name, value)
    }
    return own
  } catch (cause) {
    throw unusable(`The key or a header for ${route.name} has characters that no header can carry.`, cause)
  }
}

function join(search: string, query: string): string {
  return search === '' || query === '' ? `${search}${query}` : `${search}&${query.slice(1)}`
}

function unusable(message: string, cause?: unknown): RuntimeFailure {
  return new RuntimeFailure({ code: 'auth_required', message, retryable: false }, { cause })
}
