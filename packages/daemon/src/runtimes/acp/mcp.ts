import type { AgentEnv } from '../../core/ports.ts'
import { RuntimeFailure } from '../../core/ports.ts'
import type { InitializeResult } from './native.ts'
import type { AcpConfig } from './profile.ts'
import type { McpServer } from '../runtime-config.ts'

/** A server as the protocol wants it. */
export type AcpServer =
  | { readonly name: string; readonly command: string; readonly args: readonly string[]; readonly env: readonly Pair[] }
  | { readonly type: 'http'; readonly name: string; readonly url: string; readonly headers: readonly Pair[] }

interface Pair {
  readonly name: string
  readonly value: string
}

/** The MCP servers of a session. The way to those over HTTP is opened; their tokens and headers stay outside. Call it before the agent starts. */
export function openServers(
  { mcp_servers: servers = {} }: AcpConfig,
  env: Pick<AgentEnv, 'enclosure' | 'credentials'>,
): readonly AcpServer[] {
  return Object.entries(servers).map(([name, server], index) => openServer(name, server, { ...env, route: toRoute(name, index) }))
}

/** Throws `RuntimeFailure` for a server that the agent does not take. */
export function checkServers(servers: readonly AcpServer[], { mcpCapabilities }: InitializeResult['agentCapabilities']): void {
  const remote = servers.find((server) => 'url' in server)
  if (remote === undefined || mcpCapabilities.http) return
  throw new RuntimeFailure({
    code: 'agent_start_failed',
    message: `The agent takes no MCP servers over HTTP, and "${remote.name}" is one.`,
    retryable: false,
  })
}

// Names of servers may differ in their case alone; those of routes have none.
const toRoute = (name: string, index: number): string => `mcp-${index}-${name.toLowerCase()}`

interface Opening extends Pick<AgentEnv, 'enclosure' | 'credentials'> {
  readonly route: string
}

function openServer(name: string, server: McpServer, { enclosure, credentials, route }: Opening): AcpServer {
  if (!('url' in server)) return { name, command: server.command, args: server.args ?? [], env: toPairs(server.env ?? {}) }
  const { url, headers = {}, bearer_token_env_var: variable } = server
  const token = variable === undefined ? '' : (credentials[variable] ?? '')
  const credential = token === '' ? null : ({ kind: 'bearer', secret: token } as const)
  const passage = enclosure.open({ name: route, dialect: 'mcp', upstream: url, credential, headers })
  return { type: 'http', name, url: passage.url, headers: toPairs({ Authorization: `Bearer ${passage.placeholder}` }) }
}

function toPairs(values: Readonly<Record<string, string>>): readonly Pair[] {
  return Object.entries(values).map(([name, value]) => ({ name, value }))
}
