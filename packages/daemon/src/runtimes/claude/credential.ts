import type { RuntimeEnv } from '../../core/ports.ts'
import type { ClaudeConfig } from './config.ts'
import { toTokenVariables } from '../runtime-config.ts'

/** Variables with credentials, those first that Claude Code itself would take first. */
export const credentialVariables = ['ANTHROPIC_API_KEY', 'ANTHROPIC_AUTH_TOKEN', 'CLAUDE_CODE_OAUTH_TOKEN'] as const

/** What is sent with every request as a bearer, and not as a key. */
const bearers: ReadonlySet<string> = new Set(['ANTHROPIC_AUTH_TOKEN', 'CLAUDE_CODE_OAUTH_TOKEN'])

/** A key for the model's endpoint, and the variable that says on which file descriptor Claude Code finds it. */
export interface Credential {
  readonly secret: string
  readonly variables: Readonly<Record<string, string>>
}

/** The variable that was named as holding the key holds none. */
export class MissingKey extends Error {
  override readonly name = 'MissingKey'
}

/**
 * The key to be handed over; null where the login of the home is used. A pipe and not the environment: the agent's commands
 * inherit its environment, and could read it in /proc even if they did not. Throws MissingKey.
 */
export function toCredential(env: RuntimeEnv, { base_url, env_key }: ClaudeConfig): Credential | null {
  if (env_key !== undefined) {
    const secret = env.variables[env_key] ?? ''
    if (secret === '') throw new MissingKey(`The variable ${env_key}, which env_key names, is not set.`)
    return toPiped(env_key, secret)
  }
  // A login or key of the provider's own is not for other people's endpoints.
  if (base_url !== undefined || env.offlineUrl !== null) return toPiped('ANTHROPIC_API_KEY', 'none')
  const name = credentialVariables.find((one) => (env.variables[one] ?? '') !== '')
  return name === undefined ? null : toPiped(name, env.variables[name] ?? '')
}

/** Variables that no process of the agent may carry. */
export function toHidden({ env_key, mcp_servers }: ClaudeConfig): readonly string[] {
  return [...credentialVariables, ...(env_key === undefined ? [] : [env_key]), ...toTokenVariables(mcp_servers)]
}

function toPiped(name: string, secret: string): Credential {
  const kind = bearers.has(name) ? 'OAUTH_TOKEN' : 'API_KEY'
  return { secret, variables: { [`CLAUDE_CODE_${kind}_FILE_DESCRIPTOR`]: '3' } }
}
