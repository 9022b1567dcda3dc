import type { RuntimeEnv } from '../core/ports.ts'

export interface LoginHintOptions {
  /** The name that people type. */
  readonly alias: string
  readonly env: Pick<RuntimeEnv, 'shared' | 'credentialNamespace'>
  /** The environment variable that holds a key of the agent's provider; null where there is none. */
  readonly variable: string | null
  /** False where the agent has no login command of its own. Default true. */
  readonly command?: boolean
}

/** What a person does so that this agent is logged in, in one sentence; safe to show. */
export function toLoginHint({ alias, env: { shared, credentialNamespace }, variable, command = true }: LoginHintOptions): string {
  const namespace = shared || credentialNamespace === undefined ? '' : ` --namespace ${credentialNamespace}`
  const login = `run "codesdkd agents login ${alias}${namespace}"`
  const key = `store a key (${variable}) with "codesdkd keys set ${alias}${namespace}"`
  const ways = [...(command ? [login] : []), ...(variable === null ? [] : [key])].join(', or ')
  return ways === '' ? `There is no way to log in to ${alias} from here.` : `${ways.charAt(0).toUpperCase()}${ways.slice(1)}.`
}
