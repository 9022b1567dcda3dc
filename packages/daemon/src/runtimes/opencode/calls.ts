import type { Usage } from '@codesdkd/protocol'
import * as z from 'zod'
import type { CallResult, NativeCall, Observation } from '../../core/task-host.ts'
import { toCallResult, toDiffs, toNativeCall } from '../acp/calls.ts'
import { mergeTool } from '../acp/native.ts'
import type { AcpTool, PromptResult, ToolUpdate } from '../acp/native.ts'
import type { AgentMessage, CallContext } from '../acp/profile.ts'
import { event } from '../observation.ts'
import { asksAlways } from './seal.ts'

/** OpenCode's tools as the daemon shows and judges them. Pure and total. */

/**
 * OpenCode announces a call with its whole input, and then asks with a few of its fields and another title; the announcement
 * stands. Its name is the title of the announcement.
 */
export function mergeOpenCodeTool(known: AcpTool | null, told: ToolUpdate): AcpTool {
  if (known === null) return mergeTool(null, { ...told, ...(told.title === undefined ? {} : { name: told.title }) })
  const { title: _, content, ...rest } = told
  if (told.status === 'pending') return { ...known, content: content ?? known.content }
  const changes = toDiffs(known)
  // The question showed the change of the whole file; the result shows less of it, or nothing.
  const shown = content === undefined || changes.length === 0 ? content : [...content.filter(({ type }) => type !== 'diff'), ...changes]
  return mergeTool(known, { ...rest, ...(shown === undefined ? {} : { content: shown }) })
}

type Input = Readonly<Record<string, unknown>>

const fields = z.record(z.string(), z.unknown()).catch({})

// What the guard adds to a command may show, depending on which of the two is faster.
function toInput(raw: unknown): Input {
  const input = fields.parse(raw)
  const { command } = input
  return typeof command === 'string' && command.startsWith(asksAlways) ? { ...input, command: command.slice(asksAlways.length) } : input
}

export function toOpenCodeCall(tool: AcpTool, context: CallContext): NativeCall {
  const input = toInput(tool.rawInput)
  const name = tool.name ?? tool.kind
  const call = toNativeCall(
    { ...tool, rawInput: input, title: toTitle(tool, name, input), locations: toLocations(tool, name, input, context.cwd) },
    context,
  )
  return { ...call, kind: kinds.get(name) ?? call.kind }
}

// Reading a skill or a list of files is told as `other`.
const kinds: ReadonlyMap<string, NativeCall['kind']> = new Map([
  ['list', 'search'],
  ['skill', 'read'],
  ['websearch', 'fetch'],
  ['codesearch', 'fetch'],
])

function toTitle(tool: AcpTool, name: string, input: Input): string {
  for (const field of ['command', 'filePath', 'pattern', 'path', 'url', 'query']) {
    const value = input[field]
    if (typeof value === 'string' && value !== '') return field === 'command' ? value : `${name} ${value}`
  }
  const changed = toDiffs(tool).map(({ path }) => path)
  return changed.length === 0 ? name : `${name} ${changed.join(', ')}`
}

// A search without a path is one in the working directory.
function toLocations(tool: AcpTool, name: string, input: Input, cwd: string): AcpTool['locations'] {
  if (tool.locations.length > 0 || !['glob', 'grep', 'list'].includes(name)) return tool.locations
  return [{ path: typeof input['path'] === 'string' && input['path'] !== '' ? input['path'] : cwd }]
}

/** Tools that are not offered are answered by one that only says so. */
export function isUnavailable({ rawInput }: AcpTool): boolean {
  const input = fields.parse(rawInput)
  return typeof input['tool'] === 'string' && typeof input['error'] === 'string' && Object.keys(input).length === 2
}

export function toOpenCodeResult(tool: AcpTool, context: CallContext): CallResult {
  const result = toCallResult(tool, context)
  // A command that was stopped, or took too long, is told as completed, without an exit code.
  const unfinished = tool.name === 'bash' && result.exitCode === undefined
  return isUnavailable(tool) || unfinished ? { ...result, isError: true } : result
}

const todos = z.object({
  todos: z.array(
    z.object({
      content: z.string(),
      status: z.enum(['pending', 'in_progress', 'completed', 'cancelled']).catch('pending'),
      // The tool demands one; `medium` says nothing.
      priority: z.enum(['high', 'low']).optional().catch(undefined),
    }),
  ),
})
const toolUpdate = z.object({
  sessionUpdate: z.enum(['tool_call', 'tool_call_update']),
  title: z.string().optional().catch(undefined),
  rawInput: todos.optional().catch(undefined),
  rawOutput: z.object({ metadata: todos }).optional().catch(undefined),
})

/** Messages that mean something else than in other agents; null for all others. */
export function toOwnObservations(message: AgentMessage): readonly Observation[] | null {
  if (message.kind !== 'update') return null
  const { known } = message.update
  // A model without a price costs nothing in OpenCode's books; what it costs is not known.
  if (known?.sessionUpdate === 'usage_update' && known.cost?.amount === 0) return []
  return toPlan(message.update.raw)
}

/** The list of things to do is a plan, not a call. */
function toPlan(raw: unknown): readonly Observation[] | null {
  const { data } = toolUpdate.safeParse(raw)
  if (data === undefined) return null
  if (data.rawOutput !== undefined) return []
  if (data.title !== 'todowrite') return null
  if (data.rawInput === undefined) return []
  const entries = data.rawInput.todos.flatMap(({ content: text, status, priority }) =>
    status === 'cancelled' ? [] : [{ text, status, ...(priority === undefined ? {} : { priority }) }],
  )
  return [event({ type: 'plan.updated', payload: { entries } })]
}

export function toOpenCodeUsage({ usage }: PromptResult): Usage | null {
  if (usage == null) return null
  const { inputTokens, outputTokens, cachedReadTokens, thoughtTokens } = usage
  // Where the provider told nothing, OpenCode says 0.
  if (inputTokens === 0 && outputTokens === 0) return null
  // OpenCode takes cached tokens and thoughts out of the other two.
  return {
    input_tokens: inputTokens === null ? null : inputTokens + (cachedReadTokens ?? 0),
    output_tokens: outputTokens === null ? null : outputTokens + (thoughtTokens ?? 0),
    cached_input_tokens: cachedReadTokens,
    reasoning_tokens: thoughtTokens,
    cost_usd: null,
  }
}
