import * as z from 'zod'
import { credentialNamespace } from '@codesdkd/protocol'
import { StartFailure } from '../core/start-failure.ts'
import { toRuntimeName } from './runtime-names.ts'

/** What `codesdkd agents` is to do. Names are those on the wire, or `all` where several make sense. */
export type AgentsRequest =
  | { readonly action: 'list' | 'doctor'; readonly json: boolean }
  | { readonly action: 'install' | 'verify'; readonly name: string; readonly json: boolean }
  | { readonly action: 'login'; readonly name: string; readonly namespace: string | null; readonly args: readonly string[] }

const flags = z.object({ json: z.boolean().default(false), namespace: credentialNamespace.nullable().default(null) })

/** What the words after `codesdkd agents` ask for. `given` are the flags that only commands have. Throws `StartFailure`. */
export function toAgentsRequest(words: readonly string[], given: Readonly<Record<string, unknown>>): AgentsRequest {
  const own = words[0] === 'login' ? 'namespace' : 'json'
  const foreign = Object.keys(given).find((flag) => flag !== own)
  if (foreign !== undefined) fail(`Unknown option '--${foreign}'; try: codesdkd --help`)
  const checked = flags.safeParse(given)
  if (!checked.success) return fail(`flag namespace: ${checked.error.issues[0]?.message ?? 'is not valid'}`)
  return toRequest(words, checked.data)
}

function toRequest([action, name, ...rest]: readonly string[], { json, namespace }: z.infer<typeof flags>): AgentsRequest {
  switch (action) {
    case 'list':
    case 'doctor':
      expectNoMore(name === undefined ? [] : [name])
      return { action, json }
    case 'install':
    case 'verify':
      expectNoMore(rest)
      return { action, json, name: toRuntimeName(name ?? fail(`which agent? try: codesdkd agents ${action} <name>|all`)) }
    case 'login':
      return { action, namespace, args: rest, name: toRuntimeName(name ?? fail('which agent? try: codesdkd agents login <name>')) }
    case undefined:
      return fail('codesdkd agents needs one of list, install, login, verify, doctor')
    default:
      return fail(`codesdkd agents needs one of list, install, login, verify, doctor, not ${JSON.stringify(action)}`)
  }
}

function expectNoMore([word]: readonly string[]): void {
  if (word !== undefined) fail(`unexpected argument ${JSON.stringify(word)}; try: codesdkd --help`)
}

function fail(message: string): never {
  throw new StartFailure('invalid_config', message)
}
