import type { OpenServer } from '../servers.ts'

/** Less than an agent as a whole may take to start. */
const startup_timeout_sec = 25

/** Codex gives a server only a few variables of its own environment; without these one behind the wall would reach no host. */
const proxyVariables = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'all_proxy', 'no_proxy']

/** The MCP servers of a session in Codex's own words. */
export function toCodexServers(servers: ReadonlyMap<string, OpenServer>, walled: boolean): Readonly<Record<string, object>> {
  return Object.fromEntries([...servers].map(([name, server]) => [name, { ...toServer(server, walled), startup_timeout_sec }]))
}

function toServer(server: OpenServer, walled: boolean): object {
  if (!('url' in server)) return { ...server, ...(walled ? { env_vars: proxyVariables } : {}) }
  const { url, headers, callLimit } = server
  return { url, http_headers: headers, ...(callLimit === null ? {} : { tool_timeout_sec: callLimit / 1000 }) }
}
