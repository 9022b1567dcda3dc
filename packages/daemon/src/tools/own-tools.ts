import type { Clock } from '../core/ports.ts'
import type { CheckSchema, Tool, ToolRegistry } from '../core/tools.ts'
import { createFetch } from './fetch-through.ts'
import { McpServer } from './mcp-server.ts'
import { runCommand } from './run-command.ts'
import { runEndpoint } from './run-endpoint.ts'
import type { McpServerEntry, ToolEntry } from './tool-entry.ts'
import { toToolName } from './tool-names.ts'
import type { ToolWorld } from './tool-world.ts'

export interface OwnToolsOptions {
  readonly tools: readonly ToolEntry[]
  readonly servers: readonly McpServerEntry[]
  readonly version: string
  readonly world: ToolWorld
  readonly check: CheckSchema
  readonly clock: Clock
  /** A server failed, or a tool of it cannot be offered. */
  readonly report: (server: string, error: unknown) => void
}

/** The tools of the daemon: those of its config file, and those of its MCP servers. */
export interface OwnTools extends ToolRegistry, AsyncDisposable {
  /** Servers that cannot be reached. */
  failing(): readonly string[]
}

export function createOwnTools({ tools, servers: entries, version, world, check, clock, report }: OwnToolsOptions): OwnTools {
  const configured = tools.map((entry) => toTool(entry, world))
  const servers = entries.map(
    (entry) =>
      new McpServer({
        entry,
        open: async (on) => (await import('./mcp-link.ts')).openMcpLink(entry, { version, world, ...on }),
        check,
        clock,
        report,
      }),
  )
  const all = () => withServers(configured, servers)
  return {
    ready: async () => void (await Promise.all(servers.map((server) => server.ready()))),
    all,
    find: (name) =>
      configured.find((tool) => tool.name === name) ?? (servers.length === 0 ? undefined : all().find((tool) => tool.name === name)),
    failing: () => servers.filter(({ failing }) => failing).map(({ name }) => name),
    async [Symbol.asyncDispose]() {
      await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()))
    },
  }
}

/** Throws with the name of the tool for a schema that cannot be used. */
export async function checkEntries(entries: readonly ToolEntry[], check: CheckSchema): Promise<void> {
  for (const { name, input_schema, output_schema = {} } of entries)
    for (const [key, schema] of Object.entries({ input_schema, output_schema }))
      await check(schema, {}).catch((error: unknown) => {
        throw new Error(`${key} of ${name}: ${error instanceof Error ? error.message : 'it cannot be used'}`, { cause: error })
      })
}

function withServers(configured: readonly Tool[], servers: readonly McpServer[]): readonly Tool[] {
  const names = new Set(configured.map(({ name }) => name.toLowerCase()))
  const named = servers.flatMap((server) =>
    // In an order of its own, so that a name does not depend on how the server lists.
    server.tools
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      .map((tool) => {
        const name = toToolName(server.name, tool.name, (one) => names.has(one.toLowerCase()))
        names.add(name.toLowerCase())
        return { ...tool, name }
      }),
  )
  return [...configured, ...named]
}

function toTool({ run, ...definition }: ToolEntry, world: ToolWorld): Tool {
  const structured = definition.output_schema !== undefined
  if ('command' in run) return { ...definition, run: (call) => runCommand(run, call, world, { structured }) }
  const fetch = createFetch(world.agent)
  return { ...definition, run: (call) => runEndpoint(run, call, { fetch, structured }) }
}
