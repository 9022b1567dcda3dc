import { Problem } from '@codesdkd/protocol'
import * as z from 'zod'
import { TOOL_SERVER } from '../core/tools.ts'

const serverName = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}$/)
  .refine((name) => !name.toLowerCase().startsWith(TOOL_SERVER), `must not begin with ${TOOL_SERVER}: that is the daemon's own`)
const pair = z.record(z.string().min(1), z.string())
const mcpServer = z.union([
  z.strictObject({ command: z.string().min(1), args: z.array(z.string()).optional(), env: pair.optional() }),
  z.strictObject({
    url: z.url({ protocol: /^https?$/ }),
    headers: pair.optional(),
    bearer_token_env_var: z.string().optional().describe("name of a variable of the session's env"),
  }),
])

/** The part of every `runtimeConfig`: MCP servers by name, over stdio or streamable HTTP. */
export const mcpServers = z.record(serverName, mcpServer)
export type McpServers = z.infer<typeof mcpServers>
export type McpServer = z.infer<typeof mcpServer>

/** Variables with tokens that go into headers: where the daemon writes these, no command of the agent need see them. */
export function toTokenVariables(servers: McpServers = {}): readonly string[] {
  return Object.values(servers).flatMap((server) =>
    'url' in server && server.bearer_token_env_var !== undefined ? [server.bearer_token_env_var] : [],
  )
}

const secretNames = z.object({ env_key: z.string().optional().catch(undefined), mcp_servers: mcpServers.optional().catch(undefined) })

/** Variables of the session's env that hold secrets, as any `runtimeConfig` names them, checked or not. Never throws. */
export function toSecretVariables(config: Readonly<Record<string, unknown>>): readonly string[] {
  const { env_key, mcp_servers } = secretNames.parse(toSnakeCased(config))
  return [...(env_key === undefined ? [] : [env_key]), ...toTokenVariables(mcp_servers)]
}

/** A base URL of a provider; credentials have another place. */
export const baseUrl = z.url({ protocol: /^https?$/ }).refine((url) => {
  const parsed = URL.parse(url)
  return parsed !== null && parsed.username === '' && parsed.password === ''
}, 'must not carry credentials; name a variable in env_key')

/** The name of an environment variable. */
export const variableName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/)

/** Checks a `runtimeConfig`; camelCase names are accepted too. Throws `Problem('invalid_request')` that names what is allowed. */
export function parseRuntimeConfig<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  config: Readonly<Record<string, unknown>>,
): z.infer<z.ZodObject<Shape>> {
  const parsed = schema.safeParse(toSnakeCased(config))
  if (parsed.success) return parsed.data
  throw new Problem('invalid_request', `runtimeConfig: ${z.prettifyError(parsed.error)}`, {
    members: { allowed: Object.keys(schema.shape) },
  })
}

function toSnakeCased(config: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(config).map(([key, value]) => [toSnakeCase(key), value]))
}

const toSnakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
