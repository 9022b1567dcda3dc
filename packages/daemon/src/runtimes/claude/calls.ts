import type { Payload, ToolKind } from '@codesdkd/protocol'
import { isAbsolute, relative, resolve, sep } from 'node:path'
import * as z from 'zod'
import type { CallResult, NativeCall } from '../../core/task-host.ts'
import type { ToolResult, ToolUse } from './native.ts'
import { toHunk } from '../text-diff.ts'
import { toUnifiedDiff } from '../unified-diff.ts'

/** Claude's tools as calls and results. Pure. */

interface Tool {
  readonly kind: ToolKind
  /** The field of the input that says best what a call is about. */
  readonly about: string
  /** The field that names the file or directory it touches; without one a search covers the working directory. */
  readonly path?: string
}

const tools: Readonly<Record<string, Tool>> = {
  Bash: { kind: 'execute', about: 'command' },
  Read: { kind: 'read', about: 'file_path', path: 'file_path' },
  Edit: { kind: 'edit', about: 'file_path', path: 'file_path' },
  Write: { kind: 'edit', about: 'file_path', path: 'file_path' },
  NotebookEdit: { kind: 'edit', about: 'notebook_path', path: 'notebook_path' },
  Glob: { kind: 'search', about: 'pattern', path: 'path' },
  Grep: { kind: 'search', about: 'pattern', path: 'path' },
  WebFetch: { kind: 'fetch', about: 'url' },
  WebSearch: { kind: 'fetch', about: 'query' },
  Agent: { kind: 'other', about: 'description' },
  Skill: { kind: 'other', about: 'skill' },
  TodoWrite: { kind: 'think', about: '' },
  ToolSearch: { kind: 'think', about: 'query' },
}

const toTool = (name: string): Tool => (Object.hasOwn(tools, name) ? tools[name] : undefined) ?? { kind: 'other', about: '' }

export function toCall({ id, name, input }: ToolUse, cwd: string): NativeCall {
  const tool = toTool(name)
  const path = toPath(name, input, cwd)
  const diff = tool.kind === 'edit' ? toDiff(name, input, cwd, null) : null
  return {
    id,
    name,
    kind: tool.kind,
    title: toTitle(name, tool, input, cwd),
    input,
    ...(path === null ? {} : { locations: [{ path }] }),
    ...(diff === null ? {} : { diff }),
  }
}

/** The call with the diff that it makes of the file as it is. */
export function withContent(call: NativeCall, before: string, cwd: string): NativeCall {
  const diff = call.kind === 'edit' ? toDiff(call.name, readInput(call.input), cwd, before) : null
  return diff === null ? call : { ...call, diff }
}

/** The file that an edit is about; null for any other call. */
export function toEditedFile({ kind, locations }: NativeCall): string | null {
  return kind === 'edit' ? (locations?.[0]?.path ?? null) : null
}

function toTitle(name: string, { kind, about, path }: Tool, input: Readonly<Record<string, unknown>>, cwd: string): string {
  const [, server, tool] = /^mcp__(.+?)__(.+)$/.exec(name) ?? []
  if (server !== undefined && tool !== undefined) return `${server}: ${tool}`
  const value = input[about]
  if (typeof value !== 'string' || value === '') return name
  if (kind === 'execute' || kind === 'fetch') return value
  return `${name} ${about === path ? toShown(value, cwd) : value}`
}

function toPath(name: string, input: Readonly<Record<string, unknown>>, cwd: string): string | null {
  const { kind, path } = toTool(name)
  if (path === undefined) return null
  // A pattern may lead elsewhere than the directory it is looked for in.
  if (kind === 'search' && leaves(input[name === 'Glob' ? 'pattern' : 'glob'])) return null
  const value = input[path]
  if (typeof value === 'string' && value !== '') return resolve(cwd, value)
  return kind === 'search' ? cwd : null
}

function leaves(pattern: unknown): boolean {
  return typeof pattern === 'string' && (isAbsolute(pattern) || pattern.startsWith('~') || pattern.split('/').includes('..'))
}

// ---------------------------------------------------------------- diffs

const write = z.object({ file_path: z.string(), content: z.string() })
const edit = z.object({ file_path: z.string(), old_string: z.string(), new_string: z.string(), replace_all: z.boolean().catch(false) })

/** The change that an edit would make. Without the file the lines are numbered as if it were all there is. */
function toDiff(name: string, input: unknown, cwd: string, before: string | null): string | null {
  if (name === 'Write') {
    const { data } = write.safeParse(input)
    if (data === undefined) return null
    return before === null ? toAdded(data.file_path, data.content, cwd) : toChanged(data.file_path, toHunk(before, data.content), cwd)
  }
  const { data } = edit.safeParse(input)
  if (name !== 'Edit' || data === undefined) return null
  const { old_string, new_string, replace_all } = data
  if (before === null && old_string === '') return toAdded(data.file_path, new_string, cwd)
  const found = before !== null && old_string !== '' && before.includes(old_string)
  const [old, now] = found ? [before, replace(before, old_string, new_string, replace_all)] : [old_string, new_string]
  return toChanged(data.file_path, toHunk(old, now), cwd)
}

// The replacement is a function so that `$&` and its like mean nothing.
function replace(text: string, from: string, to: string, all: boolean): string {
  return all ? text.replaceAll(from, () => to) : text.replace(from, () => to)
}

const toAdded = (path: string, body: string, cwd: string): string =>
  toUnifiedDiff({ change: 'add', path: toShown(path, cwd), movedTo: null, body })

const toChanged = (path: string, body: string, cwd: string): string =>
  toUnifiedDiff({ change: 'update', path: toShown(path, cwd), movedTo: null, body })

const record = z.record(z.string(), z.unknown()).catch({})
const readInput = (input: unknown): Readonly<Record<string, unknown>> => record.parse(input)

// ---------------------------------------------------------------- results

const shellResult = z.object({
  stdout: z.string(),
  stderr: z.string().catch(''),
  interrupted: z.boolean().catch(false),
  /** Set where an exit code other than 0 is no failure, such as that of a search without a find. */
  returnCodeInterpretation: z.string().nullish().catch(null),
  /** Bytes of an output of which only the beginning is told; Claude keeps the rest to itself. */
  persistedOutputSize: z.int().positive().nullish().catch(null),
})

/** What stands in place of the output of a command without one. */
const silence = '(Bash completed with no output)'

type Told = readonly [result: ToolResult, structured: unknown]

export function toResult(
  { name }: ToolUse,
  [{ content, is_error }, structured]: Told,
  executionEnv: CallResult['executionEnv'],
): CallResult {
  const result = { output: toText(content), isError: is_error, durationMs: null, executionEnv }
  if (toTool(name).kind !== 'execute') return result
  const failure = /^(?:Error: )?Exit code (\d+)\n?/.exec(result.output)
  if (is_error)
    return { ...result, output: result.output.slice(failure?.[0].length ?? 0), exitCode: failure === null ? null : Number(failure[1]) }
  const { data } = shellResult.safeParse(structured)
  if (data === undefined) return { ...result, output: result.output === silence ? '' : result.output, exitCode: null }
  const exitCode = data.interrupted || data.returnCodeInterpretation != null ? null : 0
  // What Claude tells the model may be other words, such as that there was no output.
  const told = [data.stdout, data.stderr].filter((part) => part !== '').join('\n')
  const omitted = (data.persistedOutputSize ?? 0) - Buffer.byteLength(told)
  const output = omitted > 0 ? `${told}\n... ${omitted} bytes omitted ...\n` : told
  return { ...result, output, isError: data.interrupted, exitCode }
}

const patch = z.object({ oldStart: z.int(), oldLines: z.int(), newStart: z.int(), newLines: z.int(), lines: z.array(z.string()) })
const changed = z.object({
  type: z.string().optional().catch(undefined),
  filePath: z.string(),
  content: z.string().optional().catch(undefined),
  structuredPatch: z.array(patch).catch([]),
})

/** What a call did to a file; null where it did nothing, or does not say it. */
export function toFileChange({ id, name, input }: ToolUse, structured: unknown, cwd: string): Payload<'file.changed'> | null {
  if (toTool(name).kind !== 'edit') return null
  const { data } = changed.safeParse(structured)
  const path = data?.filePath ?? toPath(name, input, cwd)
  if (path === null) return null
  const shown = { path: toShown(path, cwd), tool_call_id: id }
  if (data === undefined) return { ...shown, change: 'edit' }
  if (data.type === 'create') return { ...shown, change: 'add', diff: toAdded(path, data.content ?? '', cwd) }
  const hunks = data.structuredPatch.map(
    ({ oldStart, oldLines, newStart, newLines, lines }) => `@@ -${oldStart},${oldLines} +${newStart},${newLines} @@\n${lines.join('\n')}\n`,
  )
  return { ...shown, change: 'edit', diff: toChanged(path, hunks.join(''), cwd) }
}

/** Relative inside the working directory, absolute elsewhere. */
function toShown(touched: string, cwd: string): string {
  const absolute = resolve(cwd, touched)
  const inside = relative(cwd, absolute)
  return inside === '' || inside === '..' || inside.startsWith(`..${sep}`) ? absolute : inside
}

/** The text of a result's content. */
export function toText(content: unknown): string {
  if (typeof content === 'string') return content
  return Array.isArray(content) ? content.map(toPartText).join('\n') : ''
}

function toPartText(part: unknown): string {
  if (typeof part !== 'object' || part === null) return ''
  if ('text' in part && typeof part.text === 'string') return part.text
  return 'type' in part && typeof part.type === 'string' ? `[${part.type}]` : ''
}
