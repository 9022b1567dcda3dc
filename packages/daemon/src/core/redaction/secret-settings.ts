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

/** Settings without their secrets, and these, in the order in which `revealSecrets` puts them back. */
export interface HiddenSecrets {
  readonly settings: Readonly<Record<string, unknown>>
  readonly secrets: readonly string[]
}

/** Takes out every text that `toSecrets` tells of. */
export function hideSecrets(settings: Readonly<Record<string, unknown>>): HiddenSecrets {
  const secrets: string[] = []
  return { settings: mapSecrets(settings, (text) => `${placeholder}${secrets.push(text) - 1}`), secrets }
}

/** Puts back what was taken out; what is no placeholder stays as it is. */
export function revealSecrets({ settings, secrets }: HiddenSecrets): Readonly<Record<string, unknown>> {
  return mapSecrets(settings, (text) => (text.startsWith(placeholder) ? (secrets[Number(text.slice(placeholder.length))] ?? text) : text))
}

const placeholder = 'codesdkd-secret:'

type Replace = (text: string) => string

function mapSecrets(settings: Readonly<Record<string, unknown>>, replace: Replace): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [name, carriers.has(name) ? mapTexts(value, replace) : mapWithin(value, replace)]),
  )
}

function mapWithin(value: unknown, replace: Replace): unknown {
  if (Array.isArray(value)) return value.map((one: unknown) => mapWithin(one, replace))
  return isObject(value) ? mapSecrets(value, replace) : value
}

function mapTexts(value: unknown, replace: Replace): unknown {
  if (typeof value === 'string') return replace(value)
  if (Array.isArray(value)) return value.map((one: unknown) => mapTexts(one, replace))
  return isObject(value) ? Object.fromEntries(Object.entries(value).map(([name, one]) => [name, mapTexts(one, replace)])) : value
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
