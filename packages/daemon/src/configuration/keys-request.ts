import { credentialNamespace } from '@codesdkd/protocol'
import { StartFailure } from '../core/start-failure.ts'
import { toRuntimeName } from './runtime-names.ts'

/**
 * What `codesdkd keys` is to do. The runtime's name is the one on the wire; variable null: its first one, or all where they are
 * removed; endpoint null: that of the key's provider.
 */
export type KeysRequest =
  | { readonly action: 'list'; readonly json: boolean }
  | (Target & { readonly action: 'set'; readonly endpoint: string | null })
  | (Target & { readonly action: 'remove' })

interface Target {
  readonly name: string
  readonly namespace: string
  readonly variable: string | null
}

const namespace = credentialNamespace.default('default')
const flags: Readonly<Record<string, readonly string[]>> = {
  list: ['json'],
  set: ['namespace', 'variable', 'endpoint'],
  remove: ['namespace', 'variable'],
}

/** What the words after `codesdkd keys` ask for. `given` are the flags that only commands have. Throws `StartFailure`. */
export function toKeysRequest([action, name, ...rest]: readonly string[], given: Readonly<Record<string, unknown>>): KeysRequest {
  if (action !== 'list' && action !== 'set' && action !== 'remove')
    return fail(`codesdkd keys needs one of set, list, remove${action === undefined ? '' : `, not ${JSON.stringify(action)}`}`)
  const foreign = Object.keys(given).find((flag) => flags[action]?.includes(flag) !== true)
  if (foreign !== undefined) fail(`Unknown option '--${foreign}'; try: codesdkd --help`)
  // Whoever types a key as an argument has shown it to everybody already: at least it is not repeated.
  if (rest.length > 0 || (action === 'list' && name !== undefined))
    fail('unexpected argument; a key is never an argument, it is read from stdin. Try: codesdkd --help')
  if (action === 'list') return { action, json: given['json'] === true }
  const checked = namespace.safeParse(given['namespace'])
  if (!checked.success) return fail(`flag namespace: ${checked.error.issues[0]?.message ?? 'is not valid'}`)
  const target: Target = {
    name: toRuntimeName(name ?? fail(`which runtime? try: codesdkd keys ${action} <runtime>`)),
    namespace: checked.data,
    variable: typeof given['variable'] === 'string' ? given['variable'] : null,
  }
  return action === 'remove' ? { action, ...target } : { action, ...target, endpoint: toEndpoint(given['endpoint']) }
}

/** As it is stored: without a slash at its end. */
function toEndpoint(given: unknown): string | null {
  if (typeof given !== 'string') return null
  const url = URL.parse(given)
  const plain = url !== null && /^https?:$/.test(url.protocol) && url.username + url.password + url.search + url.hash === ''
  // It may be the key itself, put in the wrong place: it is not repeated.
  if (!plain) return fail('flag endpoint: must be an http or https base URL without a user, a query or a fragment')
  return url.href.replace(/\/+$/, '')
}

function fail(message: string): never {
  throw new StartFailure('invalid_config', message)
}
