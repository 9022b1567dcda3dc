import type { AgentEnv } from '../../core/ports.ts'
import type { ClaudeConfig } from './config.ts'
import type { McpServer } from '../runtime-config.ts'

/** The MCP servers of a session in Claude Code's own words. The way to those over HTTP is opened; their tokens and headers stay outside. */
export function openServers({ mcp_servers: servers = {} }: ClaudeConfig, env: AgentEnv): Readonly<Record<string, object>> {
  // Names of servers may differ in their case alone; those of routes have none.
  const opened = Object.entries(servers).map(([name, server], index) => [
    name,
    openServer(server, `mcp-${index}-${name.toLowerCase()}`, env),
  ])
  return Object.fromEntries(opened)
}

function openServer(server: McpServer, route: string, { credentials, enclosure }: AgentEnv): object {
  if (!('url' in server)) return { type: 'stdio', ...server }
  const { url, headers = {}, bearer_token_env_var: variable } = server
  const token = variable === undefined ? '' : (credentials[variable] ?? '')
  const credential = token === '' ? null : ({ kind: 'bearer', secret: token } as const)
  const passage = enclosure.open({ name: route, dialect: 'mcp', upstream: url, credential, headers })
  return { type: 'http', url: passage.url, headers: { Authorization: `Bearer ${passage.placeholder}` } }
}
