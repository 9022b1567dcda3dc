import type { ToolPassage } from '../core/enclosure.ts'
import type { AgentEnv, SessionSpec } from '../core/ports.ts'
import { TOOL_SERVER } from '../core/tools.ts'
import type { McpServer, McpServers } from './runtime-config.ts'

/** An MCP server as a session's agent is told of it. */
export type OpenServer = Extract<McpServer, { command: string }> | RemoteServer

export interface RemoteServer {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** Milliseconds that one call may take: the daemon's own server waits for people. Null: what the agent finds right. */
  readonly callLimit: number | null
  /** The same server over stdio, for agents that take none over HTTP. */
  readonly stdio?: ToolPassage['stdio']
}

/** Milliseconds: longer than a call of the daemon's tools is waited for, and short enough for every agent's timer. */
export const CALL_LIMIT = 86_400_000 + 60_000

type Opening = Pick<AgentEnv, 'enclosure' | 'credentials'>

/**
 * The MCP servers of a session, by name, and that of the daemon where the session has tools. The ways to those over HTTP are opened:
 * their tokens and headers stay outside. Call it before the agent starts.
 */
export function openServers(
  servers: McpServers = {},
  { tools }: Pick<SessionSpec, 'tools'>,
  env: Opening,
): ReadonlyMap<string, OpenServer> {
  const named = Object.entries(servers).map(([name, server], index) => [name, openServer(server, toRoute(name, index), env)] as const)
  return new Map(tools.length === 0 ? named : [...named, [TOOL_SERVER, toTools(env)]])
}

// Names of servers may differ in their case alone; those of routes have none.
const toRoute = (name: string, index: number): string => `mcp-${index}-${name.toLowerCase()}`

function openServer(server: McpServer, route: string, { enclosure, credentials }: Opening): OpenServer {
  if (!('url' in server)) return server
  const { url, headers = {}, bearer_token_env_var: variable } = server
  const token = variable === undefined ? '' : (credentials[variable] ?? '')
  const credential = token === '' ? null : ({ kind: 'bearer', secret: token } as const)
  return toRemote(enclosure.open({ name: route, dialect: 'mcp', upstream: url, credential, headers }), null)
}

function toTools({ enclosure }: Opening): RemoteServer {
  const passage = enclosure.tools()
  return { ...toRemote(passage, CALL_LIMIT), stdio: passage.stdio }
}

function toRemote({ url, placeholder }: { readonly url: string; readonly placeholder: string }, callLimit: number | null): RemoteServer {
  return { url, headers: { Authorization: `Bearer ${placeholder}` }, callLimit }
}
