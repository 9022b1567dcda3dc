import type { ToolKind } from '@codesdkd/protocol'
import type { CallResult, NativeCall } from '../../core/task-host.ts'
import { toCallResult, toNativeCall } from '../acp/calls.ts'
import { mergeTool } from '../acp/native.ts'
import type { AcpTool, ToolContent, ToolUpdate } from '../acp/native.ts'
import type { CallContext } from '../acp/profile.ts'

/** What the agent's messages tell of its calls beyond what the protocol says. Pure and total. */

const shell = 'run_shell_command'

/** Kinds where the agent's own are wrong or too coarse. */
const kinds: Readonly<Record<string, ToolKind>> = {
  // It reaches the network, whatever it finds there.
  google_web_search: 'fetch',
  web_fetch: 'fetch',
  write_todos: 'think',
  list_background_processes: 'think',
  read_background_output: 'think',
}

/** Tools that name no place: they look nowhere but in the workspace, and refuse what leads out of it. */
const searches: ReadonlySet<string> = new Set(['list_directory', 'glob', 'grep_search'])

/** Adds to what is told of a call its name and, where they can be told for certain, its kind and input. */
export function mergeGeminiTool(known: AcpTool | null, told: ToolUpdate): AcpTool {
  const merged = mergeTool(known, told)
  const name = toToolName(merged.id)
  const rawInput = known === null ? toInput(name, merged) : known.rawInput
  return {
    ...merged,
    name,
    kind: (name === null ? undefined : kinds[name]) ?? merged.kind,
    rawInput,
    content: merged.content.map(toHonestDiff),
  }
}

/**
 * The tool's own name, which stands at the beginning of the id of every call. No name of a tool of the agent's own has two
 * underscores in a row; one of an MCP server may.
 */
export function toToolName(id: string): string | null {
  // Where the model gave no id, the agent makes one from the name.
  const made = /^(.+)__\1_\d+_\d+$/.exec(id)?.[1]
  if (made !== undefined) return made
  const at = id.startsWith('mcp_') ? id.lastIndexOf('__') : id.indexOf('__')
  return at > 0 ? id.slice(0, at) : null
}

function toInput(name: string | null, { title, content }: Pick<AcpTool, 'title' | 'content'>): unknown {
  const [explanation] = content.flatMap((item) => (item.type === 'content' && 'text' in item.content ? [item.content.text] : []))
  if (typeof explanation !== 'string') return undefined
  if (name === shell) return toShellInput(title, explanation)
  return name?.startsWith('mcp_') === true ? toMcpInput(explanation) : undefined
}

/**
 * The title of a shell call is its command. The explanation tells the rest: `[in <dir_path>]` or `[current working directory …]`,
 * then `(<description>)`, then `[background]`. Undefined where that could be read in two ways: the model writes parts of it.
 */
function toShellInput(command: string, explanation: string): unknown {
  const [, place = '', description] =
    /^\[(in [^\]]+|current working directory [^\]]+)\](?: \((.*)\))?(?: \[background\])?$/.exec(explanation) ?? []
  if (place === '' || command === '') return undefined
  const inside = place.startsWith('in ') ? place.slice('in '.length) : null
  const background = explanation.endsWith(' [background]')
  if (inside !== null && explanation.split(']').length > (background ? 3 : 2)) return undefined
  return {
    command,
    ...(inside === null ? {} : { dir_path: inside }),
    ...(description === undefined ? {} : { description }),
    ...(background ? { is_background: true } : {}),
  }
}

// Input that is too long is left out with a remark in brackets; the input of a tool is always an object.
function toMcpInput(explanation: string): unknown {
  if (!explanation.startsWith('{')) return undefined
  try {
    const input: unknown = JSON.parse(explanation)
    return input
  } catch {
    return undefined
  }
}

// The agent calls a file deleted that it made empty.
function toHonestDiff(item: ToolContent): ToolContent {
  return item.type === 'diff' ? { ...item, _meta: undefined } : item
}

export function toGeminiCall(tool: AcpTool, context: CallContext): NativeCall {
  const call = toNativeCall(tool, context)
  // The agent shows any input called `command` as the title, also of tools that run none.
  if (tool.name?.startsWith('mcp_') === true) return { ...call, title: tool.name }
  return tool.name !== null && searches.has(tool.name) && call.locations === undefined
    ? { ...call, locations: [{ path: context.cwd }] }
    : call
}

export function toGeminiResult(tool: AcpTool, context: CallContext): CallResult {
  const result = toCallResult(tool, context)
  return tool.name === shell && tool.status === 'completed' ? toShellResult(result) : result
}

const trailer = /(?:\nExit Code: (\d+))?(?:\nSignal: (\d+))?(?:\nBackground PIDs: [\d, ]+)?(?:\nProcess Group PGID: \d+)?$/
/** More than the lines of a trailer can take. */
const trailerLength = 1000
const head = 'Output: '

/** With its debug setting, the agent shows what its model is told of a command: output, then lines about its end. */
function toShellResult(result: CallResult): CallResult {
  const { output } = result
  // It was moved to the background, stopped, or refused by the agent itself.
  if (!output.startsWith(head)) return { ...result, isError: !output.startsWith('Command moved to background'), exitCode: null }
  const cut = Math.max(head.length - 1, output.length - trailerLength)
  const [found = '', code, signal] = trailer.exec(output.slice(cut)) ?? []
  const printed = output.slice(head.length, output.length - found.length)
  const exitCode = signal === undefined ? Number(code ?? 0) : null
  return { ...result, output: printed === '(empty)' ? '' : printed, exitCode, isError: exitCode !== 0 }
}
