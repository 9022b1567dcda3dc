import type { Route } from '../core/enclosure.ts'
import { RuntimeFailure, type BoundKey } from '../core/ports.ts'

/**
 * Lets a route pass that takes no key to where it does not belong. A key is known by its value, whatever variable or setting a
 * session has named it by. Throws `RuntimeFailure('auth_required')` that says where the key may go, and what can be done.
 */
export function checkRoute({ upstream, credential }: Pick<Route, 'upstream' | 'credential'>, keys: readonly BoundKey[]): void {
  const meant = keys.filter(({ secret }) => secret === credential?.secret)
  const [first] = meant
  if (first === undefined || meant.some(({ endpoints }) => endpoints.some((endpoint) => isWithin(upstream, endpoint)))) return
  throw new RuntimeFailure({ code: 'auth_required', message: toMessage(first, upstream), retryable: false })
}

/** Whether an address is the endpoint, or below it. */
export function isWithin(upstream: string, endpoint: string): boolean {
  const [asked, bound] = [URL.parse(upstream), URL.parse(endpoint)]
  if (asked === null || bound === null || asked.origin === 'null' || asked.origin !== bound.origin) return false
  const folder = bound.pathname.replace(/\/*$/, '/')
  // What looks like one name here may be several for the server.
  return folder === '/' || (`${asked.pathname}/`.startsWith(folder) && !/%2e|%2f|%5c|;/i.test(asked.pathname))
}

function toMessage({ variable, endpoints }: BoundKey, upstream: string): string {
  const place = endpoints.length === 0 ? 'is bound to no endpoint' : `is for ${[...new Set(endpoints)].join(', ')}`
  return `The key in ${variable} ${place}, and the session asks ${toPlace(upstream)} with it. Give a key for that endpoint in the session's env, or store one with codesdkd keys set --endpoint.`
}

/** Without a query, which may be secret. */
function toPlace(url: string): string {
  const parsed = URL.parse(url)
  return parsed === null ? 'another endpoint' : `${parsed.origin}${parsed.pathname}`.replace(/\/$/, '')
}
