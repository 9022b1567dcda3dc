import { relative, resolve, sep } from 'node:path'
import type { Payload } from '@codesdkd/protocol'
import type { CallResult, NativeCall } from '../../core/task-host.ts'
import type { AcpTool, ContentBlock, DiffContent, ToolContent } from './native.ts'
import type { CallContext } from './profile.ts'
import { toHunk } from '../text-diff.ts'
import { toUnifiedDiff } from '../unified-diff.ts'

/** Calls and results as the protocol itself shows them: the defaults of a profile. Pure and total. */

/** A call with the input that the agent shows; where it shows none, with what it describes. */
export function toNativeCall(tool: AcpTool, { cwd }: Pick<CallContext, 'cwd'>): NativeCall {
  const { id, kind } = tool
  const diffs = toDiffs(tool)
  const title = toCommandLine(tool) ?? (tool.title || tool.name || kind)
  const locations = toLocations(tool, cwd)
  return {
    id,
    name: toName(tool),
    kind,
    title,
    ...(hasInput(tool.rawInput) ? { input: tool.rawInput } : { input: toDescription(tool, title), input_source: 'described' as const }),
    ...(locations.length === 0 ? {} : { locations }),
    ...(diffs.length === 0 ? {} : { diff: diffs.map((diff) => toDiffText(diff, cwd)).join('') }),
  }
}

/** The agent's own name of the tool, where it tells it in one of the usual places; else the kind. */
export function toName({ name, kind, meta }: AcpTool): string {
  const told = name ?? meta['toolName']
  return typeof told === 'string' && told !== '' ? told : kind
}

/** The command line of a shell tool, as the agent will execute it; null for other calls. */
function toCommandLine({ kind, rawInput }: AcpTool): string | null {
  if (kind !== 'execute' || typeof rawInput !== 'object' || rawInput === null || !('command' in rawInput)) return null
  return typeof rawInput.command === 'string' && rawInput.command !== '' ? rawInput.command : null
}

// An empty object says no more than none at all, and a hash over it would fit any call.
function hasInput(input: unknown): boolean {
  return input !== undefined && input !== null && !(typeof input === 'object' && Object.keys(input).length === 0)
}

/** Stands for the input of a call whose input the agent does not show (contract, section of decisions). */
export function toDescription({ kind, locations, content }: AcpTool, title: string): object {
  return { kind, title, locations, content }
}

/** Absolute paths that a call names: its locations, or the files it shows as changed. */
export function toLocations(tool: AcpTool, cwd: string): NonNullable<NativeCall['locations']> {
  const named = tool.locations.length > 0 ? tool.locations : []
  const changed = toDiffs(tool).filter(({ path }) => !named.some((location) => resolve(cwd, location.path) === resolve(cwd, path)))
  return [
    ...named.map(({ path, line }) => ({ path: resolve(cwd, path), ...(line == null ? {} : { line }) })),
    ...changed.map(({ path }) => ({ path: resolve(cwd, path) })),
  ]
}

export function toDiffs({ content }: Pick<AcpTool, 'content'>): readonly DiffContent[] {
  return content.filter((item) => item.type === 'diff')
}

/** One shown change as a unified diff; relative paths inside the working directory. */
export function toDiffText({ path, oldText, newText, ...rest }: DiffContent, cwd: string): string {
  const change = toChange({ path, oldText, newText, ...rest })
  const shown = toShown(path, cwd)
  switch (change) {
    case 'add':
      return toUnifiedDiff({ change, path: shown, movedTo: null, body: newText })
    case 'delete':
      return toUnifiedDiff({ change, path: shown, movedTo: null, body: oldText ?? '' })
    case 'edit':
      return toUnifiedDiff({ change: 'update', path: shown, movedTo: null, body: toHunk(oldText ?? '', newText) })
    default:
      return change satisfies never
  }
}

/** The result of a call that has ended: of a command what it wrote, else the text, the changes, or the raw output. */
export function toCallResult(tool: AcpTool, { cwd }: Pick<CallContext, 'cwd'>): CallResult {
  const exitCode = toExitCode(tool.rawOutput)
  const diff = toDiffs(tool)
    .map((one) => toDiffText(one, cwd))
    .join('')
  return {
    output: toWritten(tool) ?? (toContentText(tool.content) || diff || toRawText(tool.rawOutput)),
    isError: tool.status === 'failed' || (exitCode !== undefined && exitCode !== 0),
    ...(exitCode === undefined ? {} : { exitCode }),
    durationMs: null,
    executionEnv: 'host',
  }
}

/** What a call that succeeded did to the files, as far as it shows it. */
export function toFileChanges(tool: AcpTool, cwd: string): readonly Payload<'file.changed'>[] {
  return toDiffs(tool).map((diff) => ({
    path: toShown(diff.path, cwd),
    change: toChange(diff),
    diff: toDiffText(diff, cwd),
    tool_call_id: tool.id,
  }))
}

/** The texts of a call's content, diffs left out. */
export function toContentText(content: readonly ToolContent[]): string {
  return content.flatMap((item) => (item.type === 'content' ? [toBlockText(item.content)] : [])).join('\n')
}

export function toBlockText(block: ContentBlock): string {
  return 'text' in block && typeof block.text === 'string' ? block.text : `[${block.type}]`
}

// The text of a command's result may be what the model is told about it: its output among other things.
function toWritten({ kind, status, rawOutput }: AcpTool): string | null {
  if (kind !== 'execute' || typeof rawOutput !== 'object' || rawOutput === null) return null
  // One that failed without an exit code did not even run.
  if (status === 'failed' && toExitCode(rawOutput) === undefined) return null
  return 'output' in rawOutput && typeof rawOutput.output === 'string' ? rawOutput.output : null
}

const outputFields = ['output', 'stdout', 'text', 'error', 'message']

function toRawText(raw: unknown): string {
  if (raw === undefined || raw === null) return ''
  if (typeof raw === 'string') return raw
  if (typeof raw === 'object') {
    const fields = new Map(Object.entries(raw))
    for (const name of outputFields) {
      const value = fields.get(name)
      if (typeof value === 'string' && value !== '') return value
    }
  }
  return JSON.stringify(raw)
}

function toExitCode(raw: unknown): number | undefined {
  if (typeof raw !== 'object' || raw === null) return undefined
  const places: readonly object[] =
    'metadata' in raw && typeof raw.metadata === 'object' && raw.metadata !== null ? [raw, raw.metadata] : [raw]
  for (const place of places) {
    const fields = new Map<string, unknown>(Object.entries(place))
    for (const name of ['exitCode', 'exit_code', 'exit']) {
      const value = fields.get(name)
      if (typeof value === 'number' && Number.isInteger(value)) return value
    }
  }
  return undefined
}

// The protocol leaves `oldText` out of a new file; some agents send it empty, and empty for a deleted file's new text.
function toChange({ oldText, newText, _meta }: DiffContent): 'add' | 'edit' | 'delete' {
  if (_meta?.['kind'] === 'delete') return 'delete'
  if (oldText == null || (oldText === '' && newText !== '')) return 'add'
  return 'edit'
}

/** Relative inside the working directory, absolute elsewhere. */
function toShown(touched: string, cwd: string): string {
  const absolute = resolve(cwd, touched)
  const inside = relative(cwd, absolute)
  return inside === '' || inside === '..' || inside.startsWith(`..${sep}`) ? absolute : inside
}
