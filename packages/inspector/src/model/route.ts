import { signal } from '@preact/signals'

export const tabs = ['timeline', 'time', 'files', 'events'] as const
export type Tab = (typeof tabs)[number]

/** What the page shows. It stands in the fragment, so that no prefix of a proxy matters. */
export type Route =
  | { readonly page: 'sessions' | 'inbox' | 'new' | 'health' }
  | { readonly page: 'session'; readonly sessionId: string; readonly tab: Tab }

export function parseRoute(hash: string): Route {
  const [page, id, tab] = hash.replace(/^#\/?/, '').split('/').map(decoded)
  if (page === 'inbox' || page === 'new' || page === 'health') return { page }
  if (page === 'sessions' && id !== undefined && id !== '')
    return { page: 'session', sessionId: id, tab: tabs.find((one) => one === tab) ?? 'timeline' }
  return { page: 'sessions' }
}

export function toHash(route: Route): string {
  if (route.page !== 'session') return `#/${route.page}`
  const place = `#/sessions/${encodeURIComponent(route.sessionId)}`
  return route.tab === 'timeline' ? place : `${place}/${route.tab}`
}

export const route = signal<Route>(parseRoute(location.hash))
addEventListener('hashchange', () => {
  route.value = parseRoute(location.hash)
})

export function go(to: Route): void {
  location.hash = toHash(to)
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
