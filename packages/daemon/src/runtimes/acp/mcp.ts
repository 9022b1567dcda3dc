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

/** The MCP servers of a session in the protocol's words, which know no limit of time. */
export function toAcpServers(servers: ReadonlyMap<string, OpenServer>): readonly AcpServer[] {
  return [...servers].map(([name, server]) =>
    'url' in server
      ? { type: 'http', name, url: server.url, headers: toPairs(server.headers) }
      : { name, command: server.command, args: server.args ?? [], env: toPairs(server.env ?? {}) },
  )
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

function toPairs(values: Readonly<Record<string, string>>): readonly Pair[] {
  return Object.entries(values).map(([name, value]) => ({ name, value }))
}
