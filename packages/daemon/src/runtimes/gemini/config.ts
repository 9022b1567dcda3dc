import * as path from 'node:path'
import * as z from 'zod'
import { RuntimeFailure } from '../../core/ports.ts'
import type { RuntimeEnv } from '../../core/ports.ts'
import type { Launch } from '../acp/profile.ts'
import { baseUrl, mcpServers, parseRuntimeConfig, variableName } from '../runtime-config.ts'

export const credentialVariables = ['GEMINI_API_KEY', 'GOOGLE_API_KEY'] as const

const runtimeConfig = z.strictObject({
  base_url: baseUrl.optional(),
  env_key: variableName.optional(),
  max_retries: z.int().min(0).max(9).optional(),
  stream_idle_timeout_ms: z.int().min(100).max(3_600_000).optional(),
  mcp_servers: mcpServers.optional(),
})
export type GeminiConfig = z.infer<typeof runtimeConfig>

/** Checks a `runtimeConfig`; camelCase names are accepted too. Throws `Problem('invalid_request')`. */
export function parseGeminiConfig(config: Readonly<Record<string, unknown>>): GeminiConfig {
  return parseRuntimeConfig(runtimeConfig, config)
}

/** The key that a session uses; null when it has none. */
export function toKey({ variables }: Pick<RuntimeEnv, 'variables'>, { env_key }: Pick<GeminiConfig, 'env_key'>): string | null {
  const names = env_key === undefined ? credentialVariables : [env_key]
  return names.map((name) => variables[name] ?? '').find((key) => key !== '') ?? null
}

/** The environment without what holds a key: the agent's commands inherit all of it. */
export function withoutKeys(
  { variables }: Pick<RuntimeEnv, 'variables'>,
  { env_key }: Pick<GeminiConfig, 'env_key'>,
): Record<string, string> {
  const names = new Set<string>([...credentialVariables, ...(env_key === undefined ? [] : [env_key])])
  return Object.fromEntries(Object.entries(variables).filter(([name]) => !names.has(name)))
}

/**
 * How the agent is logged in. A key goes over its standard input, so that neither arguments nor environment show it. Undefined
 * when there is nothing to log in with: then the agent says so itself. Throws `RuntimeFailure` when the key that was named is not there.
 */
export function toAuthentication(env: RuntimeEnv, config: GeminiConfig, loggedIn: boolean): Launch['authenticate'] {
  const key = toKey(env, config)
  if (key === null && config.env_key !== undefined) {
    const message = `There is no key in ${config.env_key}; give it in the env of the session.`
    throw new RuntimeFailure({ code: 'auth_required', message, retryable: false })
  }
  const endpoint = config.base_url ?? env.offlineUrl
  // The agent wants a key even where the endpoint does not.
  if (endpoint !== null) return { methodId: 'gateway', meta: { gateway: { baseUrl: endpoint }, 'api-key': key ?? 'none' } }
  if (key !== null) return { methodId: 'gemini-api-key', meta: { 'api-key': key } }
  return loggedIn ? { methodId: 'oauth-personal' } : undefined
}

/** Milliseconds that the model may be silent while nobody but the model is waited for. */
export function toIdleTimeout({ offlineUrl }: Pick<RuntimeEnv, 'offlineUrl'>, { stream_idle_timeout_ms }: GeminiConfig): number {
  return stream_idle_timeout_ms ?? (offlineUrl === null ? 300_000 : 15_000)
}

/** How often the agent tries one call of the model; its own ten attempts take many minutes. */
export function toAttempts({ offlineUrl }: Pick<RuntimeEnv, 'offlineUrl'>, { max_retries }: GeminiConfig): number {
  return 1 + (max_retries ?? (offlineUrl === null ? 3 : 0))
}

/** The directory in which the user's own Gemini CLI keeps its login; null when the user has no home. */
export function toUserFolder({ variables }: Pick<RuntimeEnv, 'variables'>): string | null {
  const home = variables['GEMINI_CLI_HOME'] ?? variables['HOME']
  return home === undefined ? null : path.join(home, '.gemini')
}
