import { RuntimeFailure } from '../../core/ports.ts'
import type { InitializeResult } from './native.ts'
import type { OpenServer } from '../servers.ts'

/** A server as the protocol wants it. */
export type AcpServer =
  | { readonly name: string; readonly command: string; readonly args: readonly string[]; readonly env: readonly Pair[] }
  | { readonly type: 'http'; readonly name: string; readonly url: string; readonly headers: readonly Pair[] }

interface Pair {
  readonly name: string
  readonly value: string
}

/**
 * The MCP servers of a session in the protocol's words, which know no limit of time. Every agent takes servers over stdio. Throws
 * `RuntimeFailure` for one that this agent does not take.
 */
export function toAcpServers(
  servers: ReadonlyMap<string, OpenServer>,
  { mcpCapabilities }: InitializeResult['agentCapabilities'],
): readonly AcpServer[] {
  return [...servers].map(([name, server]) => {
    if (!('url' in server)) return toStdio(name, server)
    if (mcpCapabilities.http) return { type: 'http', name, url: server.url, headers: toPairs(server.headers) }
    if (server.stdio !== undefined) return toStdio(name, server.stdio)
    throw new RuntimeFailure({
      code: 'agent_start_failed',
      message: `The agent takes no MCP servers over HTTP, and "${name}" is one.`,
      retryable: false,
    })
  })
}

interface StdioServer {
  readonly command: string
  readonly args?: readonly string[] | undefined
  readonly env?: Readonly<Record<string, string>> | undefined
}

function toStdio(name: string, { command, args = [], env = {} }: StdioServer): AcpServer {
  return { name, command, args, env: toPairs(env) }
}

function toPairs(values: Readonly<Record<string, string>>): readonly Pair[] {
  return Object.entries(values).map(([name, value]) => ({ name, value }))
}
