import type { OpenServer } from '../servers.ts'

/** The MCP servers of a session in Claude Code's own words. */
export function toClaudeServers(servers: ReadonlyMap<string, OpenServer>): Readonly<Record<string, object>> {
  return Object.fromEntries([...servers].map(([name, server]) => [name, toServer(server)]))
}

function toServer(server: OpenServer): object {
  if (!('url' in server)) return { type: 'stdio', ...server }
  const { url, headers, callLimit } = server
  return { type: 'http', url, headers, ...(callLimit === null ? {} : { timeout: callLimit, alwaysLoad: true }) }
}
