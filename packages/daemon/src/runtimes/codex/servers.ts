import type { AgentEnv } from '../../core/ports.ts'
import type { McpServer, McpServers } from '../runtime-config.ts'

/** Less than an agent as a whole may take to start. */
const startup_timeout_sec = 25

/** Codex gives a server only a few variables of its own environment; without these one behind the wall would reach no host. */
const proxyVariables = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'all_proxy', 'no_proxy']

/** The MCP servers of a session in Codex's own words. The way to those over HTTP is opened; their tokens stay outside. */
export function openServers(servers: McpServers = {}, env: Pick<AgentEnv, 'enclosure' | 'credentials'>): Readonly<Record<string, object>> {
  return Object.fromEntries(Object.entries(servers).map(([name, server], index) => [name, openServer(server, toRoute(name, index), env)]))
}

// Names of servers may differ in their case alone; those of routes have none.
const toRoute = (name: string, index: number): string => `mcp-${index}-${name.toLowerCase()}`

function openServer(server: McpServer, route: string, { enclosure, credentials }: Pick<AgentEnv, 'enclosure' | 'credentials'>): object {
  if (!('url' in server)) return { ...server, ...(enclosure.walled ? { env_vars: proxyVariables } : {}), startup_timeout_sec }
  const { url, headers = {}, bearer_token_env_var: variable } = server
  const token = variable === undefined ? undefined : credentials[variable]
  const credential = token === undefined || token === '' ? null : ({ kind: 'bearer', secret: token } as const)
  const passage = enclosure.open({ name: route, dialect: 'mcp', upstream: url, credential, headers })
  return { url: passage.url, http_headers: { Authorization: `Bearer ${passage.placeholder}` }, startup_timeout_sec }
}
