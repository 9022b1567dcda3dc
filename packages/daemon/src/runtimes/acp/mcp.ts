import type { AcpConfig } from './profile.ts'
import type { InitializeResult } from './native.ts'
import { RuntimeFailure } from '../../core/ports.ts'
import type { McpServer } from '../runtime-config.ts'

/** MCP servers as the protocol wants them. Rejects with `RuntimeFailure` what the agent does not take. Tokens go from the session's variables into headers. */
export function toMcpServers(
  { mcp_servers: servers = {} }: AcpConfig,
  { mcpCapabilities }: InitializeResult['agentCapabilities'],
  variables: Readonly<Record<string, string>>,
): readonly object[] {
  return Object.entries(servers).map(([name, server]) => {
    if ('url' in server && !mcpCapabilities.http) {
      throw new RuntimeFailure({
        code: 'agent_start_failed',
        message: `The agent takes no MCP servers over HTTP, and "${name}" is one.`,
        retryable: false,
      })
    }
    return toMcpServer(name, server, variables)
  })
}

function toMcpServer(name: string, server: McpServer, variables: Readonly<Record<string, string>>): object {
  if (!('url' in server)) {
    return { name, command: server.command, args: server.args ?? [], env: toPairs(server.env ?? {}) }
  }
  const { url, headers = {}, bearer_token_env_var: variable } = server
  const token = variable === undefined ? undefined : variables[variable]
  return { type: 'http', name, url, headers: toPairs({ ...headers, ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }) }) }
}

function toPairs(values: Readonly<Record<string, string>>): readonly object[] {
  return Object.entries(values).map(([name, value]) => ({ name, value }))
}
