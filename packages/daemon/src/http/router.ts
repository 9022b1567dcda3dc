import { Problem } from '@codesdkd/protocol'
import type { Route } from './route.ts'

export interface Match {
  readonly route: Route
  readonly params: Readonly<Record<string, string>>
}

export type Router = (method: string, path: string) => Match | Problem

/** Finds routes by path. Literal segments are compared as sent: `%73essions` is not `sessions`. */
export function createRouter(routes: readonly Route[]): Router {
  const table = [...Map.groupBy(routes, (one) => one.path)].map(([path, group]) => ({ pattern: path.split('/'), group }))
  const byLength = Map.groupBy(table, ({ pattern }) => pattern.length)
  return (method, path) => {
    const segments = path.split('/')
    const found = byLength.get(segments.length)?.find(({ pattern }) => fits(pattern, segments))
    if (found === undefined) return new Problem('not_found', 'There is no such path.')
    const wanted = method === 'HEAD' ? 'GET' : method
    const one = found.group.find((candidate) => candidate.method === wanted)
    if (one === undefined)
      return new Problem('method_not_allowed', 'This path does not know the method.', { members: { allowed: allowed(found.group) } })
    return toMatch(one, found.pattern, segments)
  }
}

/** Of equal length. */
function fits(pattern: readonly string[], segments: readonly string[]): boolean {
  return pattern.every((part, index) => (part.startsWith('{') ? segments[index] !== '' : part === segments[index]))
}

function toMatch(route: Route, pattern: readonly string[], segments: readonly string[]): Match | Problem {
  try {
    const params = pattern.flatMap((part, index) =>
      part.startsWith('{') ? [[part.slice(1, -1), decodeURIComponent(segments[index] ?? '')] as const] : [],
    )
    return { route, params: Object.fromEntries(params) }
  } catch {
    return new Problem('invalid_request', 'The path is not percent-encoded UTF-8.')
  }
}

function allowed(group: readonly Route[]): readonly string[] {
  return group.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method]))
}
