import type { AgentEnv, RuntimeEnv } from '../../core/ports.ts'
import { RuntimeFailure } from '../../core/ports.ts'
import type { CodexConfig } from './config.ts'
import { findLogin } from './login.ts'
import { toLoginHint } from '../login-hint.ts'

export const credentialVariables = ['OPENAI_API_KEY', 'CODEX_API_KEY'] as const

/** The variable from which our provider takes what stands for the key. Commands of the agent get none that begins like this. */
const keyVariable = 'CODEX_GATEWAY_KEY'

export const openAi = 'https://api.openai.com/v1'
/** Where Codex talks to with a login of its own. */
const loginHosts = ['chatgpt.com', 'auth.openai.com', 'api.openai.com']

/** How one agent gets to its model. */
export interface Access {
  /** Settings of our own model provider; null for Codex's own, which uses the login. */
  readonly provider: Readonly<Record<string, unknown>> | null
  readonly variables: Readonly<Record<string, string>>
  /** The login file that is used; null when the gateway holds the key. */
  readonly login: string | null
}

/** What a session's model is reached by. */
type Way =
  | { readonly kind: 'route'; readonly name: string; readonly upstream: string; readonly key: string | null }
  | { readonly kind: 'login'; readonly file: string }

/** Opens the way to the model. Rejects with `RuntimeFailure('auth_required')` when there is neither a login nor a key. */
export async function openAccess(env: AgentEnv, config: CodexConfig): Promise<Access> {
  const way = await findWay(env, config)
  if (way.kind === 'login') {
    env.enclosure.allow(loginHosts)
    return { provider: null, variables: {}, login: way.file }
  }
  const { name, upstream, key } = way
  const credential = key === null ? null : ({ kind: 'bearer', secret: key } as const)
  const passage = env.enclosure.open({ name: 'model', dialect: 'responses', upstream, credential })
  const provider = { ...toBounds(env, config), wire_api: 'responses', name, base_url: passage.url, env_key: keyVariable }
  return { provider, variables: { [keyVariable]: passage.placeholder }, login: null }
}

async function findWay(env: RuntimeEnv, config: CodexConfig): Promise<Way> {
  const named = config.env_key === undefined ? null : toKey(env, [config.env_key])
  if (config.base_url !== undefined || env.offlineUrl === null) {
    if (config.env_key !== undefined && named === null)
      throw missing(`The session names ${config.env_key} as the variable with the key, and its env has none.`)
  }
  if (config.base_url !== undefined) return { kind: 'route', name: 'custom', upstream: config.base_url, key: named }
  if (env.offlineUrl !== null) return { kind: 'route', name: 'offline model', upstream: `${env.offlineUrl}/v1`, key: null }
  // Codex's own provider takes a key only from a login; one of our own has it put on by the gateway.
  if (named !== null) return { kind: 'route', name: 'OpenAI', upstream: openAi, key: named }
  const login = await findLogin(env)
  if (login?.kind === 'file') return { kind: 'login', file: login.file }
  const key = login?.key ?? toKey(env, credentialVariables)
  if (key === null) throw missing(`Codex has no login. ${toHint(env)}`)
  return { kind: 'route', name: 'OpenAI', upstream: openAi, key }
}

function toBounds({ offlineUrl }: RuntimeEnv, config: CodexConfig): Readonly<Record<string, unknown>> {
  const offline = offlineUrl !== null && config.base_url === undefined
  const retries = config.max_retries ?? (offline ? 1 : undefined)
  return {
    request_max_retries: retries,
    stream_max_retries: retries,
    stream_idle_timeout_ms: config.stream_idle_timeout_ms ?? (offline ? 15_000 : undefined),
  }
}

/** The first of these variables that holds a key. */
export function toKey({ credentials }: RuntimeEnv, names: readonly string[]): string | null {
  return names.map((name) => credentials[name] ?? '').find((key) => key !== '') ?? null
}

/** What a person can do who has no login. */
export function toHint(env: RuntimeEnv): string {
  return toLoginHint({ alias: 'codex', env, variable: 'OPENAI_API_KEY' })
}

function missing(message: string): RuntimeFailure {
  return new RuntimeFailure({ code: 'auth_required', message, retryable: false })
}
