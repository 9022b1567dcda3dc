import { resolve } from 'node:path'
import type { Confinement, PermissionMode, ToolCall, ToolKind, ToolPermission } from '@codesdkd/protocol'
import type { SessionRecord, Workspace } from '../ports.ts'
import type { NativeCall } from '../task-host.ts'
import { isInside, pathFrom, readsOnly } from './readers.ts'

/** What is true of a call in the world; found by `gatherFacts`, so that the policy itself stays pure. */
export interface PolicyFacts {
  /** It certainly changes nothing and reads nothing outside the workspace. */
  readonly readsOnly: boolean
  /** Every location it names is inside the workspace or a root that the session may write, and it names at least one. */
  readonly insideWorkspace: boolean
}

export interface PolicyContext {
  readonly mode: PermissionMode
  /** What `auto` does with a call that would leave the confinement. */
  readonly escalation: 'deny' | 'ask'
  readonly confinement: Confinement
  /** The whole agent runs behind the wall: what gets past the policy is still held by the system. */
  readonly wall: boolean
  readonly facts: PolicyFacts
}

/** A call as it is judged; `gate` tells the questions of the wall itself from the agent's own tools. */
export type JudgedCall = Omit<NativeCall, 'id'>

export type PolicyRule =
  | 'read_only'
  | 'ask_effects'
  | 'ask_escalation'
  | 'inside_confinement'
  | 'unconfined'
  | 'escalation_denied'
  | 'outside_workspace'
  | 'network_denied'
  | 'outside_confinement'
  | 'yolo'
  | 'tool_permission'
  | 'dangerous_tool'

export interface Verdict {
  readonly result: 'allow' | 'deny' | 'ask'
  readonly rule: PolicyRule
  /** For the model on a denial, for the person on a question. */
  readonly reason?: string
}

/** Decides one call before anyone is asked. Pure and total; the same call in the same context has the same verdict. */
export function evaluatePolicy(call: JudgedCall, context: PolicyContext): Verdict {
  if (call.gate === 'network') return evaluateConnection(context)
  if (call.permission !== undefined) return evaluateTool(call.permission, context)
  switch (context.mode) {
    case 'yolo':
      return { result: 'allow', rule: 'yolo' }
    case 'ask':
      return evaluateAsk(call, context.facts)
    case 'auto':
      return evaluateAuto(call, context)
    default:
      return context.mode satisfies never
  }
}

/** A tool of the daemon or its host runs outside every wall: what counts is what it is said to do. */
function evaluateTool(permission: ToolPermission, { mode, escalation }: PolicyContext): Verdict {
  switch (mode) {
    case 'yolo':
      return { result: 'allow', rule: 'yolo' }
    case 'ask':
      return permission === 'read-only' ? { result: 'allow', rule: 'read_only' } : { result: 'ask', rule: 'ask_effects' }
    case 'auto':
      if (permission !== 'dangerous') return { result: 'allow', rule: 'tool_permission' }
      return escalation === 'ask'
        ? { result: 'ask', rule: 'ask_escalation', reason: 'The tool is marked as dangerous.' }
        : { result: 'deny', rule: 'dangerous_tool', reason: dangerous }
    default:
      return mode satisfies never
  }
}

const dangerous = 'This tool is dangerous, and nobody can be asked in this session. Do without it, or tell the user.'

/** A host that the session does not allow: the wall stands in every mode, so that only a person can open it. */
function evaluateConnection(context: PolicyContext): Verdict {
  const reason = toHostsDenied(context)
  if (reason !== null) return { result: 'deny', rule: 'network_denied', reason }
  return { result: 'ask', rule: context.mode === 'ask' ? 'ask_effects' : 'ask_escalation', reason: 'It wants to reach this host.' }
}

/** Why hosts that the session does not allow are denied; null where a person is asked about each of them. */
export function toHostsDenied({ mode, escalation }: Pick<PolicyContext, 'mode' | 'escalation'>): string | null {
  const asks = mode === 'ask' || (mode === 'auto' && escalation === 'ask')
  return asks
    ? null
    : 'This host is not allowed in this session. Work with what is in the workspace, or tell the user, who may open the session with network.allow.'
}

/** Only what certainly reads inside the workspace runs unasked. */
function evaluateAsk(call: ToolCall, facts: PolicyFacts): Verdict {
  if (call.escalated === true) return { result: 'ask', rule: 'ask_escalation', reason: 'It asks to leave its sandbox.' }
  return facts.readsOnly ? { result: 'allow', rule: 'read_only' } : { result: 'ask', rule: 'ask_effects' }
}

/** What stays inside the confinement runs; what would leave it is denied, or asked where the session says so. */
function evaluateAuto(call: ToolCall, { escalation, confinement, wall, facts }: PolicyContext): Verdict {
  const exit = call.escalated === true ? 'escalation_denied' : wall ? exitOfWall(call.kind, facts) : exitOf(call.kind, confinement, facts)
  if (exit === null) return { result: 'allow', rule: wall || isHeld(call.kind, confinement) ? 'inside_confinement' : 'unconfined' }
  const reason = (wall ? wallReasons[exit] : undefined) ?? exits[exit]
  return escalation === 'ask' ? { result: 'ask', rule: 'ask_escalation', reason } : { result: 'deny', rule: exit, reason }
}

type Exit = 'escalation_denied' | 'outside_workspace' | 'network_denied' | 'outside_confinement'

/** Ways out of a confinement, and what the model can do about a refusal. */
const exits: Record<Exit, string> = {
  escalation_denied:
    'Running outside the sandbox is not allowed in this session. Do it inside the workspace without elevated permissions, or tell the user what you would need.',
  outside_workspace: 'Files outside the workspace are not allowed in this session. Use a path inside the workspace.',
  network_denied: 'Network access is not allowed in this session. Work with what is in the workspace, or ask the user for the content.',
  outside_confinement:
    'This tool runs outside the sandbox, which is not allowed in this session. Use a shell command or a file edit inside the workspace.',
}

/**
 * Which way out of the confinement a call of this kind would take; null when it stays inside or nothing holds it.
 * A sandbox lets commands read anywhere, so that reads are its own affair; what is not a command, a file or a
 * thought (MCP servers above all) runs beside it.
 */
function exitOf(kind: ToolKind, confinement: Confinement, facts: PolicyFacts): Exit | null {
  if (!isHeld(kind, confinement)) return null
  switch (kind) {
    case 'execute':
    case 'think':
      return null
    case 'read':
    case 'search':
      return confinement === 'sandbox' || facts.insideWorkspace ? null : 'outside_workspace'
    case 'edit':
    case 'delete':
    case 'move':
      return facts.insideWorkspace ? null : 'outside_workspace'
    case 'fetch':
      return 'network_denied'
    case 'other':
      return 'outside_confinement'
    default:
      return kind satisfies never
  }
}

/** What the wall would refuse anyhow is said before it is tried. Hosts are judged one by one, by the gate that leads to them. */
function exitOfWall(kind: ToolKind, { insideWorkspace }: PolicyFacts): Exit | null {
  return changingKinds.has(kind) && !insideWorkspace ? 'outside_workspace' : null
}

const wallReasons: Partial<Record<Exit, string>> = {
  escalation_denied:
    'The sandbox of this session stands for every call. Do it inside the workspace without elevated permissions, or tell the user, who may open the session with writable_roots and network.allow.',
  outside_workspace:
    'Nothing outside the workspace can be written in this session. Use a path inside the workspace, or tell the user, who may open the session with writable_roots.',
}

const changingKinds: ReadonlySet<ToolKind> = new Set(['edit', 'delete', 'move'])
const fileKinds: ReadonlySet<ToolKind> = new Set(['read', 'search', ...changingKinds])

/** Whether the confinement has a say over this kind of call. */
function isHeld(kind: ToolKind, confinement: Confinement): boolean {
  switch (confinement) {
    case 'sandbox':
      return true
    case 'tool_paths':
      return fileKinds.has(kind)
    case 'none':
      return false
    default:
      return confinement satisfies never
  }
}

export interface Places {
  /** The session's, and the root of its workspace. */
  readonly cwd: string
  /** What else the session's wall lets it write: real paths. Empty without a wall. */
  readonly writableRoots: readonly string[]
}

export function toPlaces({ cwd, sandbox }: Pick<SessionRecord, 'cwd' | 'sandbox'>): Places {
  return { cwd, writableRoots: sandbox.walled ? sandbox.writableRoots : [] }
}

/**
 * Looks at the world for one call, as far as the mode asks about it. Never rejects: what cannot be told counts against the call.
 */
export async function gatherFacts(call: ToolCall, mode: PermissionMode, places: Places, workspace: Workspace): Promise<PolicyFacts> {
  if (mode === 'yolo') return { readsOnly: false, insideWorkspace: false }
  const root = await workspace.realPath(places.cwd)
  if (root === null) return { readsOnly: false, insideWorkspace: false }
  const locations = await realLocations(call, root, workspace)
  const areInside = (roots: readonly string[]) => locations !== null && locations.every((path) => roots.some((one) => isInside(one, path)))
  const insideWorkspace = areInside([root, ...places.writableRoots])
  switch (call.kind) {
    case 'read':
    case 'search':
      return { readsOnly: areInside([root]), insideWorkspace }
    case 'execute': {
      const command = mode === 'ask' ? toCommand(call.input) : null
      return {
        readsOnly: command !== null && (await readsOnly(command.line, pathFrom(root, command.cwd), root, workspace)),
        insideWorkspace,
      }
    }
    case 'edit':
    case 'delete':
    case 'move':
    case 'think':
    case 'fetch':
    case 'other':
      return { readsOnly: false, insideWorkspace }
    default:
      return call.kind satisfies never
  }
}

/** A tool may take `link/..` for what stands before the link or for the parent of its target: both. Null where one cannot be told, or none is named. */
async function realLocations(call: ToolCall, root: string, workspace: Workspace): Promise<readonly string[] | null> {
  const paths = (call.locations ?? []).flatMap(({ path }) => [pathFrom(root, path), resolve(root, path)])
  const real = await Promise.all(paths.map((path) => workspace.realPath(path)))
  return real.length > 0 && real.every((path) => path !== null) ? real : null
}

/** Input fields of the agents' shell tools that change nothing about what a command can touch. */
const neutralFields: ReadonlySet<string> = new Set(['description', 'timeout', 'timeout_ms', 'yield_time_ms', 'max_output_tokens', 'reason'])
const directoryFields: ReadonlySet<string> = new Set(['cwd', 'workdir', 'directory', 'dir_path'])
/** Flags of which `false` says no more than their absence: the command runs in front, and its end is waited for. */
const backgroundFields: ReadonlySet<string> = new Set(['background', 'is_background', 'run_in_background'])

/** The command line and directory of a shell tool's input; null when the input says anything that is not understood. */
export function toCommand(input: unknown): { readonly line: string; readonly cwd: string } | null {
  if (typeof input === 'string') return { line: input, cwd: '.' }
  if (typeof input !== 'object' || input === null || Array.isArray(input)) return null
  let line: string | null = null
  let cwd: string | null = null
  for (const [field, value] of Object.entries(input)) {
    if (value === undefined || value === null || neutralFields.has(field)) continue
    if (value === false && backgroundFields.has(field)) continue
    if (typeof value !== 'string') return null
    if (field === 'command' && line === null) line = value
    else if (directoryFields.has(field) && cwd === null) cwd = value
    else return null
  }
  return line === null ? null : { line, cwd: cwd ?? '.' }
}
