import { RuntimeFailure } from '../../core/ports.ts'
import type { Route } from '../../core/enclosure.ts'
import type { AgentEnv, RuntimeEnv } from '../../core/ports.ts'
import type { ClaudeConfig } from './config.ts'
import { readLogin, readManagedKey, toLoginHome } from './login.ts'
import { toLoginHint } from '../login-hint.ts'

/** Variables with credentials, those first that Claude Code itself would take first. */
export const credentialVariables = ['ANTHROPIC_API_KEY', 'ANTHROPIC_AUTH_TOKEN', 'CLAUDE_CODE_OAUTH_TOKEN'] as const
type Role = (typeof credentialVariables)[number]

export const anthropic = 'https://api.anthropic.com'
/** Where Claude Code talks to with a login. It is refreshed outside, so nothing else has to be reached for it. */
const loginHosts = ['api.anthropic.com']

/** How one agent gets to its model. */
export interface Access {
  /** Where the model is, and what stands for its key: no secret is among them. */
  readonly variables: Readonly<Record<string, string>>
  /** The directory with the login that is used; null where the gateway holds the key. */
  readonly login: string | null
}

/** Who asks the model: in which role Claude Code is to see its key, which headers it sends depends on it. */
interface Key {
  readonly role: Role
  readonly secret: string | null
}

/** Opens the way to the model. Rejects with `RuntimeFailure('auth_required')` when there is no key where one has to be. */
export async function openAccess(env: AgentEnv, config: ClaudeConfig): Promise<Access> {
  const key = toKey(env, config)
  if (key !== null) return { variables: openModel(env, config, key), login: null }
  const home = toLoginHome(env)
  const login = await readLogin(home)
  if (login === null) {
    const secret = await readManagedKey(env)
    if (secret !== null) return { variables: openModel(env, config, { role: 'ANTHROPIC_API_KEY', secret }), login: null }
    // Where no wall is, the login may be one of those that no file holds: Claude Code knows better.
    if (env.enclosure.walled) throw missing(`Claude Code has no login. ${toHint(env)}`)
  }
  env.enclosure.allow(loginHosts)
  return { variables: {}, login: home }
}

function openModel(env: AgentEnv, { base_url }: ClaudeConfig, { role, secret }: Key): Access['variables'] {
  const upstream = base_url ?? env.offlineUrl ?? env.variables['ANTHROPIC_BASE_URL'] ?? anthropic
  const credential: Route['credential'] = secret === null ? null : { kind: role === 'ANTHROPIC_API_KEY' ? 'key' : 'bearer', secret }
  const passage = env.enclosure.open({ name: 'model', dialect: 'messages', upstream, credential })
  return { ANTHROPIC_BASE_URL: passage.url, [role]: passage.placeholder }
}

/** The key that the session brings; null where a login is to be used. */
function toKey(env: RuntimeEnv, { base_url, env_key }: ClaudeConfig): Key | null {
  if (env_key !== undefined) {
    const secret = env.credentials[env_key] ?? ''
    if (secret === '') throw missing(`The variable ${env_key}, which env_key names, is not set.`)
    return { role: credentialVariables.find((role) => role === env_key) ?? 'ANTHROPIC_API_KEY', secret }
  }
  // A login or key of the provider's own is not for other people's endpoints.
  if (base_url !== undefined || env.offlineUrl !== null) return { role: 'ANTHROPIC_API_KEY', secret: null }
  const role = findCredential(env)
  return role === null ? null : { role, secret: env.credentials[role] ?? '' }
}

/** The first of our variables that holds a key or token; null when none does. */
export function findCredential({ credentials }: RuntimeEnv): Role | null {
  return credentialVariables.find((name) => (credentials[name] ?? '') !== '') ?? null
}

/** What a person can do who has no login. */
export function toHint(env: RuntimeEnv): string {
  return toLoginHint({ alias: 'claude', env, variable: 'ANTHROPIC_API_KEY' })
}

function missing(message: string): RuntimeFailure {
  return new RuntimeFailure({ code: 'auth_required', message, retryable: false })
}
