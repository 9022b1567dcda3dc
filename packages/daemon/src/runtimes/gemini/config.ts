import * as z from 'zod'
import type { RuntimeEnv } from '../../core/ports.ts'
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
export function toKey({ credentials }: Pick<RuntimeEnv, 'credentials'>, { env_key }: Pick<GeminiConfig, 'env_key'>): string | null {
  const names = env_key === undefined ? credentialVariables : [env_key]
  return names.map((name) => credentials[name] ?? '').find((key) => key !== '') ?? null
}

/** Milliseconds that the model may be silent while nobody but the model is waited for. */
export function toIdleTimeout({ offlineUrl }: Pick<RuntimeEnv, 'offlineUrl'>, { stream_idle_timeout_ms }: GeminiConfig): number {
  return stream_idle_timeout_ms ?? (offlineUrl === null ? 300_000 : 15_000)
}

/** How often the agent tries one call of the model; its own ten attempts take many minutes. */
export function toAttempts({ offlineUrl }: Pick<RuntimeEnv, 'offlineUrl'>, { max_retries }: GeminiConfig): number {
  return 1 + (max_retries ?? (offlineUrl === null ? 3 : 0))
}
