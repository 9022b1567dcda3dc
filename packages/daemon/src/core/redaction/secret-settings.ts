/** Settings whose values hosts use for credentials: the variables and headers of tools and servers. */
const carriers = new Set(['env', 'headers', 'http_headers'])

/** Every text that stands under such a setting, at any depth: what must be masked wherever it shows up. */
export function toSecrets(settings: unknown): readonly string[] {
  if (typeof settings !== 'object' || settings === null) return []
  return Object.entries(settings).flatMap(([name, value]) => (carriers.has(name) ? textsOf(value) : toSecrets(value)))
}

function textsOf(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsOf) : []
}
