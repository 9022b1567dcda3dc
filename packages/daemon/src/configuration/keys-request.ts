import { credentialNamespace } from '@codesdkd/protocol'
import { StartFailure } from '../core/start-failure.ts'
import { toRuntimeName } from './runtime-names.ts'

/** What `codesdkd keys` is to do. The runtime's name is the one on the wire; variable null: its first one, or all where they are removed. */
export type KeysRequest =
  | { readonly action: 'list'; readonly json: boolean }
  | { readonly action: 'set' | 'remove'; readonly name: string; readonly namespace: string; readonly variable: string | null }

const namespace = credentialNamespace.default('default')
const flags: Readonly<Record<string, readonly string[]>> = {
  list: ['json'],
  set: ['namespace', 'variable'],
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
  return {
    action,
    name: toRuntimeName(name ?? fail(`which runtime? try: codesdkd keys ${action} <runtime>`)),
    namespace: checked.data,
    variable: typeof given['variable'] === 'string' ? given['variable'] : null,
  }
}

function fail(message: string): never {
  throw new StartFailure('invalid_config', message)
}
