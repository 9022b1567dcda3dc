import type { Payload, ToolKind } from '@codesdkd/protocol'
import { relative, resolve, sep } from 'node:path'
import type { CallResult, NativeCall } from '../../core/task-host.ts'
import type { CommandItem, McpItem, NativeOf, OtherItem, PatchChange, PatchItem } from './native.ts'
import { unwrapShell } from '../shell-words.ts'
import { toUnifiedDiff } from '../unified-diff.ts'

/** Native items of Codex as calls and results. Pure. */

export function toShellCall(id: string, command: string, cwd: string): NativeCall {
  const script = unwrapShell(command)
  return { id, name: 'shell', kind: 'execute', title: script, input: { command: script, cwd } }
}

export function toPatchCall(item: PatchItem, cwd: string): NativeCall {
  const changes = item.changes.map((change) => ({ path: toShown(change.path, cwd), kind: toChange(change), diff: change.diff }))
  return {
    id: item.id,
    name: 'apply_patch',
    kind: toPatchKind(changes.map(({ kind }) => kind)),
    title: changes.map(({ path, kind }) => `${kind} ${path}`).join(', ') || 'empty patch',
    input: {
      changes: item.changes.map(({ path, kind, diff }) => ({
        path,
        kind: kind.type,
        ...(kind.move_path == null ? {} : { move_path: kind.move_path }),
        diff,
      })),
    },
    locations: item.changes.flatMap(({ path, kind }) => (kind.move_path == null ? [{ path }] : [{ path }, { path: kind.move_path }])),
    diff: item.changes.map((change) => toDiff(change, cwd)).join(''),
  }
}

export function toMcpCall(id: string, server: string, tool: string, input: unknown): NativeCall {
  return { id, name: `mcp__${server}__${tool}`, kind: 'other', title: `${server}: ${tool}`, input: input ?? {} }
}

/** A script that makes calls of its own, which are asked about one by one. */
export function toScriptCall(id: string, code: string): NativeCall {
  return { id, name: 'script', kind: 'other', title: 'script of calls', input: { code } }
}

/** Text for the standard input of a command that runs. */
export function toStdinCall(id: string, chars: string): NativeCall {
  return { id, name: 'write_stdin', kind: 'execute', title: chars.trim() || 'input', input: { chars } }
}

export function toPermissionsCall({ itemId, cwd, permissions }: NativeOf<'item/permissions/requestApproval'>): NativeCall {
  return {
    id: itemId,
    name: 'request_permissions',
    kind: 'other',
    title: 'more permissions for this turn',
    input: { permissions, cwd },
    escalated: true,
  }
}

/** Calls that Codex shows only as a whole: what they are called, and what kind they are. */
const others: Readonly<Record<string, { readonly name: string; readonly kind: ToolKind; readonly title: string }>> = {
  dynamicToolCall: { name: 'tool', kind: 'other', title: 'tool' },
  webSearch: { name: 'web_search', kind: 'fetch', title: 'query' },
  imageView: { name: 'view_image', kind: 'read', title: 'path' },
  imageGeneration: { name: 'image_generation', kind: 'other', title: 'prompt' },
  collabAgentToolCall: { name: 'collab_agent', kind: 'other', title: 'tool' },
}

/** Fields of an item that are not what the model asked for. */
const lifecycle: ReadonlySet<string> = new Set([
  'id',
  'type',
  'status',
  'result',
  'results',
  'contentItems',
  'success',
  'durationMs',
  'startedAtMs',
  'completedAtMs',
])

/** A call for an item of another type; null when the item is no call. */
export function toOtherCall(item: OtherItem): NativeCall | null {
  const about = Object.hasOwn(others, item.type) ? others[item.type] : undefined
  if (about === undefined) return null
  const name = item.type === 'dynamicToolCall' && typeof item['tool'] === 'string' ? item['tool'] : about.name
  const title = item[about.title]
  const input = Object.fromEntries(Object.entries(item).filter(([field]) => !lifecycle.has(field)))
  return { id: item.id, name, kind: about.kind, title: typeof title === 'string' && title !== '' ? title : name, input }
}

export function toShellResult(item: CommandItem, executionEnv: CallResult['executionEnv']): CallResult {
  const exitCode = item.exitCode ?? null
  return {
    output: item.aggregatedOutput ?? '',
    isError: item.status !== 'completed' || (exitCode !== null && exitCode !== 0),
    exitCode,
    durationMs: item.durationMs ?? null,
    executionEnv,
  }
}

export function toPatchResult(item: PatchItem, cwd: string, executionEnv: CallResult['executionEnv']): CallResult {
  const isError = item.status !== 'completed'
  const summary = item.changes.map((change) => `${toChange(change)} ${toShown(change.path, cwd)}`).join('\n')
  return { output: isError ? 'The patch was not applied.' : summary, isError, durationMs: null, executionEnv }
}

export function toMcpResult(item: McpItem, executionEnv: CallResult['executionEnv']): CallResult {
  const output = item.error?.message ?? (item.result?.content ?? []).map(toContentText).join('\n')
  return { output, isError: item.status !== 'completed', durationMs: item.durationMs ?? null, executionEnv }
}

export function toOtherResult(item: OtherItem): CallResult {
  const contents = Array.isArray(item['contentItems']) ? item['contentItems'] : []
  return {
    output: contents.map(toContentText).join('\n'),
    isError: item['status'] === 'failed' || item['success'] === false,
    durationMs: typeof item['durationMs'] === 'number' ? item['durationMs'] : null,
    executionEnv: 'unknown',
  }
}

/** What a patch that was applied did to the files. */
export function toFileChanges(item: PatchItem, cwd: string): readonly Payload<'file.changed'>[] {
  return item.changes.map((change) => ({
    path: toShown(change.path, cwd),
    change: toChange(change),
    ...(change.kind.move_path == null ? {} : { moved_to: toShown(change.kind.move_path, cwd) }),
    diff: toDiff(change, cwd),
    tool_call_id: item.id,
  }))
}

/** Whether a patch touches what the workspace sandbox would not let it write. */
export function leavesWorkspace(item: PatchItem, cwd: string): boolean {
  const paths = item.changes.flatMap(({ path, kind }) => (kind.move_path == null ? [path] : [path, kind.move_path]))
  return paths.some((touched) => {
    const inside = toInside(touched, cwd)
    return inside === null || protectedDirectories.has(inside.split(sep)[0] ?? '')
  })
}

// Codex keeps these read-only inside a writable workspace.
const protectedDirectories: ReadonlySet<string> = new Set(['.git', '.codex', '.agents'])

function toChange({ kind }: PatchChange): Payload<'file.changed'>['change'] {
  switch (kind.type) {
    case 'add':
      return 'add'
    case 'delete':
      return 'delete'
    case 'update':
      return kind.move_path == null ? 'edit' : 'move'
    default:
      return kind.type satisfies never
  }
}

function toPatchKind(changes: readonly Payload<'file.changed'>['change'][]): ToolKind {
  if (changes.length > 0 && changes.every((change) => change === 'delete')) return 'delete'
  return changes.length > 0 && changes.every((change) => change === 'move') ? 'move' : 'edit'
}

function toDiff(change: PatchChange, cwd: string): string {
  const to = change.kind.move_path == null ? null : toShown(change.kind.move_path, cwd)
  return toUnifiedDiff({ change: change.kind.type, path: toShown(change.path, cwd), movedTo: to, body: change.diff })
}

/** Relative inside the working directory, absolute elsewhere. */
function toShown(touched: string, cwd: string): string {
  return toInside(touched, cwd) ?? resolve(cwd, touched)
}

function toInside(touched: string, cwd: string): string | null {
  const inside = relative(cwd, resolve(cwd, touched))
  return inside === '' || inside === '..' || inside.startsWith(`..${sep}`) ? null : inside
}

function toContentText(content: unknown): string {
  if (typeof content === 'object' && content !== null) {
    if ('text' in content && typeof content.text === 'string') return content.text
    if ('type' in content && typeof content.type === 'string') return `[${content.type}]`
  }
  return JSON.stringify(content) ?? ''
}
