import { Problem, type ToolDefinition, type ToolManifest } from '@codesdkd/protocol'
import type { Answer, Question } from './task-host.ts'

/** Stands before every one of these tools in an agent's own words: the name of the MCP server that they come from. */
export const TOOL_SERVER = 'codesdkd'

/**
 * The tool's own name in what an agent calls it; null for all others. Agents say `mcp__<server>__<tool>`, `mcp_<server>_<tool>` or
 * `<server>_<tool>`, and no other server may have a name that begins as this one.
 */
export function toOwnName(name: string): string | null {
  return /^(?:mcp__?)?codesdkd__?(.+)$/.exec(name)?.[1] ?? null
}

/** One call of a tool that the daemon runs. */
export interface ToolRun {
  readonly sessionId: string
  readonly cwd: string
  readonly input: unknown
  /** Aborted at the tool's time limit and at the end of the task. */
  readonly signal: AbortSignal
  /** Output while it runs. */
  output(stream: 'stdout' | 'stderr' | 'output', delta: string): void
  /** Puts a question of the tool to the person, as one of the task. Never rejects; the end of the task cancels it. */
  ask(question: Question): Promise<Answer>
}

/** What came of it: text, or any JSON value. */
export interface ToolOutcome {
  readonly result: unknown
  readonly isError: boolean
  readonly exitCode?: number | null
}

export interface Tool extends ToolDefinition {
  /** Null: the host runs it, and gives the result. */
  readonly run: ((call: ToolRun) => Promise<ToolOutcome>) | null
}

/** Finds what is wrong with a value by a schema; empty when it fits. Rejects for a schema that cannot be used. */
export type CheckSchema = (schema: ToolDefinition['input_schema'], value: unknown) => Promise<readonly string[]>

/** Tools that the daemon has. They may come and go, as the servers do that some of them are from. */
export interface ToolRegistry {
  /** Resolves, in bounded time, when what can be known now is known. Never rejects. */
  ready(): Promise<void>
  find(name: string): Tool | undefined
  all(): readonly Tool[]
}

/** Tools that stay as they are. */
export function toRegistry(tools: readonly Tool[]): ToolRegistry {
  const byName = new Map(tools.map((tool) => [tool.name, tool]))
  return { ready: () => Promise.resolve(), find: (name) => byName.get(name), all: () => tools }
}

/** What a task offers: all of the registry without a manifest. Throws `Problem('invalid_tool_manifest')` that names the entry. */
export function toOffered(registry: ToolRegistry, manifest: ToolManifest | undefined): readonly Tool[] {
  if (manifest === undefined) return registry.all()
  const entries = Array.isArray(manifest) ? manifest : manifest.tools
  const names = new Set<string>()
  return entries.map((entry, index) => {
    const name = typeof entry === 'string' ? entry : entry.name
    const known = registry.find(name)
    if (names.has(name.toLowerCase())) throw invalid(index, `another tool of this manifest is called ${name}`)
    names.add(name.toLowerCase())
    if (typeof entry !== 'string') {
      // Whoever sees the name would take it for the daemon's.
      if (known !== undefined) throw invalid(index, `the daemon has a tool ${name}: name it, or choose another name for yours`)
      return { ...entry, run: null }
    }
    if (known === undefined)
      throw invalid(index, `the daemon has no tool ${name}; what the host runs needs a description and an input_schema`, registry)
    return known
  })
}

/** Throws `Problem('invalid_tool_manifest')` for a schema of the host that cannot be used. Those of the daemon were checked at its start. */
export async function checkOffered(tools: readonly Tool[], check: CheckSchema): Promise<void> {
  for (const [index, { run, input_schema, output_schema = {} }] of tools.entries()) {
    if (run !== null) continue
    for (const [name, schema] of Object.entries({ input_schema, output_schema })) {
      try {
        await check(schema, {})
      } catch (error) {
        throw invalid(index, `${name}: ${error instanceof Error ? error.message : 'it cannot be used'}`)
      }
    }
  }
}

function invalid(index: number, message: string, registry?: ToolRegistry): Problem {
  return new Problem('invalid_tool_manifest', `tool_manifest[${index}]: ${message}.`, {
    members: { field: `tool_manifest[${index}]`, ...(registry === undefined ? {} : { allowed: registry.all().map(({ name }) => name) }) },
  })
}
