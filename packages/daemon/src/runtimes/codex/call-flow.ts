import type { CallResult, NativeCall, Observation } from '../../core/task-host.ts'
import {
  leavesWorkspace,
  toFileChanges,
  toMcpCall,
  toMcpResult,
  toOtherCall,
  toOtherResult,
  toPatchCall,
  toPatchResult,
  toPermissionsCall,
  toShellCall,
  toShellResult,
  toStdinCall,
} from './calls.ts'
import { askForServer } from './questions.ts'
import type { CommandItem, McpItem, NativeOf, OtherItem, PatchItem } from './native.ts'
import { withCall, withoutCall, without } from './state.ts'
import type { CallItem, CallState, CodexState, Mapped } from './state.ts'
import type { RpcId } from '../json-rpc.ts'
import { event, notice } from '../observation.ts'

/**
 * The life of a call in Codex's messages. What was asked and what ran unasked must never be mixed up, and Codex announces
 * both alike; so an announced call is held until the question, its output or its end tells what it is.
 */
export function startCall(state: CodexState, item: CallItem): Mapped {
  if (state.calls.has(item.id)) return [state, []]
  const held = withCall(state, item.id, { phase: 'held', asked: false, escalated: false, item })
  return runsUnasked(state, item) ? release(held, item.id) : [held, []]
}

// A command that has a process already was not asked about; neither is a tool that calls itself read-only.
function runsUnasked({ policy }: CodexState, item: CallItem): boolean {
  if (policy === 'never') return true
  switch (item.type) {
    case 'commandExecution':
      return item.processId != null
    case 'mcpToolCall':
      return item.readOnlyHint === true
    case 'fileChange':
      return false
    default:
      return item satisfies never
  }
}

/** A held call turns out to be one that Codex asks nobody about. */
function release(state: CodexState, id: string): Mapped {
  const call = state.calls.get(id)
  if (call?.phase !== 'held' || call.item === null) return [state, []]
  const unasked: Observation = { kind: 'call.unasked', call: toCall(call.item, state.cwd), rule: toRule(state, call.item) }
  return [withCall(state, id, { ...call, phase: 'running' }), [unasked, { kind: 'call.started', id }]]
}

function toRule({ policy }: CodexState, item: CallItem): string {
  return item.type === 'mcpToolCall' && item.readOnlyHint === true ? 'codex:mcp_read_only_hint' : `codex:approval_policy=${policy}`
}

export function streamOutput(before: CodexState, { itemId, delta }: NativeOf<'item/commandExecution/outputDelta'>): Mapped {
  const [state, released] = release(before, itemId)
  if (state.calls.get(itemId)?.phase !== 'running' || delta === '') return [state, released]
  return [state, [...released, { kind: 'call.output', id: itemId, stream: 'output', delta }]]
}

export function completeCall(before: CodexState, item: CallItem): Mapped {
  const known = before.calls.get(item.id) ?? { phase: 'held', asked: false, escalated: false, item }
  // The completed item is the fuller one.
  const [state, released] = release(withCall(before, item.id, { ...known, item }), item.id)
  const call = state.calls.get(item.id)
  const ended = withoutCall(state, item.id)
  // What was declined did not run, and its denial is on record already.
  if (call?.phase !== 'running') return [ended, []]
  const changed = item.type === 'fileChange' && item.status === 'completed' ? toFileChanges(item, state.cwd) : []
  const done: Observation = { kind: 'call.completed', id: item.id, result: toResult(state, item, call) }
  return [ended, [...released, ...changed.map((payload) => event({ type: 'file.changed', payload })), done]]
}

function toCall(item: CallItem, cwd: string): NativeCall {
  switch (item.type) {
    case 'commandExecution':
      return toShellCall(item.id, item.command, item.cwd)
    case 'fileChange':
      return toPatchCall(item, cwd)
    case 'mcpToolCall':
      return toMcpCall(item.id, item.server, item.tool, item.arguments)
    default:
      return item satisfies never
  }
}

function toResult(state: CodexState, item: CallItem, call: CallState): CallResult {
  switch (item.type) {
    case 'commandExecution':
      return toShellResult(item, toExecutionEnv(state, call))
    case 'fileChange':
      return toPatchResult(item, state.cwd, toExecutionEnv(state, call))
    case 'mcpToolCall':
      return toMcpResult(item, state.walled ? 'sandbox' : 'host')
    default:
      return item satisfies never
  }
}

// Under `untrusted`, when the sandbox refuses what was approved, Codex does it again outside the sandbox and does not say so.
function toExecutionEnv({ policy, walled }: CodexState, call: CallState): CallResult['executionEnv'] {
  if (walled) return 'sandbox'
  if (policy === 'never' || call.escalated) return 'host'
  return call.asked && policy === 'untrusted' ? 'unknown' : 'sandbox'
}

// ---------------------------------------------------------------- calls that Codex shows only as a whole

const silentItems: ReadonlySet<string> = new Set(['userMessage', 'hookPrompt', 'functionCallOutput'])

export function completeOther(item: OtherItem): readonly Observation[] {
  if (silentItems.has(item.type)) return []
  const call = toOtherCall(item)
  if (call === null) return [notice('info', `item/${item.type}`, `Codex reports: ${item.type}`, item)]
  return atOnce(call, toOtherResult(item))
}

/** Input that the model typed into a command that runs. Looking for output is reported as typing nothing. */
export function typeInput(state: CodexState, params: NativeOf<'item/commandExecution/terminalInteraction'>): readonly Observation[] {
  if (params.stdin === '') return []
  const id = `${params.itemId}/stdin/${state.typed}`
  const executionEnv = state.walled ? 'sandbox' : 'unknown'
  return atOnce(toStdinCall(id, params.stdin), { output: '', isError: false, durationMs: null, executionEnv })
}

export function atOnce(call: NativeCall, result: CallResult, rule = 'codex:built_in_tool'): readonly Observation[] {
  return [
    { kind: 'call.unasked', call, rule },
    { kind: 'call.started', id: call.id },
    { kind: 'call.completed', id: call.id, result },
  ]
}

// ---------------------------------------------------------------- questions

function ask(state: CodexState, request: RpcId, call: NativeCall, item: CallItem | null): Mapped {
  const asked = withCall(state, call.id, { phase: 'asked', asked: true, escalated: call.escalated === true, item })
  return [{ ...asked, requests: new Map(state.requests).set(request, call.id) }, [{ kind: 'call.asked', call, reply: request }]]
}

/** Takes note of the answer that a question gets. */
export function answered(state: CodexState, request: RpcId, approved: boolean): CodexState {
  const id = state.requests.get(request)
  const call = id === undefined ? undefined : state.calls.get(id)
  return id === undefined || call === undefined ? state : withCall(state, id, { ...call, phase: approved ? 'running' : 'declined' })
}

export function askCommand(state: CodexState, request: RpcId, params: NativeOf<'item/commandExecution/requestApproval'>): Mapped {
  const about = { ...toReason(params.reason), ...(asksToLeave(state, params) ? { escalated: true } : {}) }
  const cwd = params.cwd ?? state.cwd
  if (params.kind !== 'command') {
    const call = toStdinCall(params.approvalId ?? `${params.itemId}/${params.kind}/${request}`, params.command ?? '')
    return ask(state, request, { ...call, ...about }, null)
  }
  const held = state.calls.get(params.itemId)?.item
  const item: CommandItem =
    held?.type === 'commandExecution'
      ? held
      : {
          type: 'commandExecution',
          id: params.itemId,
          command: params.command ?? '',
          cwd,
          processId: null,
          source: null,
          status: 'inProgress',
          aggregatedOutput: null,
          exitCode: null,
          durationMs: null,
        }
  return ask(state, request, { ...toShellCall(item.id, params.command ?? item.command, params.cwd ?? item.cwd), ...about }, item)
}

/**
 * Whether a command wants out of its sandbox. Codex's question does not say so; the model's own call does, where it is shown.
 * Where it is not (calls written as code), a justification gives it away, and under `on-request` any question is taken for such a wish.
 */
function asksToLeave(state: CodexState, params: NativeOf<'item/commandExecution/requestApproval'>): boolean {
  if (params.networkApprovalContext != null) return true
  const raw = state.raw.get(params.itemId)
  if (raw?.kind === 'shell' && raw.wish !== 'unknown') return raw.wish === 'leave'
  return state.policy === 'on-request' || 'reason' in toReason(params.reason)
}

export function askPatch(state: CodexState, request: RpcId, params: NativeOf<'item/fileChange/requestApproval'>): Mapped {
  const held = state.calls.get(params.itemId)?.item
  const item: PatchItem = held?.type === 'fileChange' ? held : { type: 'fileChange', id: params.itemId, status: 'inProgress', changes: [] }
  const leaves = params.grantRoot != null || (!state.walled && leavesSandbox(state, item))
  return ask(state, request, { ...toPatchCall(item, state.cwd), ...toReason(params.reason), ...(leaves ? { escalated: true } : {}) }, item)
}

/** Under `on-request` only a patch that leaves the workspace is asked about; and without its changes nothing proves that one stays inside. */
function leavesSandbox({ policy, cwd }: CodexState, item: PatchItem): boolean {
  return policy === 'on-request' || item.changes.length === 0 || leavesWorkspace(item, cwd)
}

export function askPermissions(state: CodexState, request: RpcId, params: NativeOf<'item/permissions/requestApproval'>): Mapped {
  return ask(state, request, { ...toPermissionsCall(params), ...toReason(params.reason) }, null)
}

export function askMcp(state: CodexState, request: RpcId, params: NativeOf<'mcpServer/elicitation/request'>): Mapped {
  const { serverName, _meta } = params
  if (_meta?.codex_approval_kind !== 'mcp_tool_call') return [state, askForServer(request, params)]
  const tool = _meta.tool_name ?? ''
  const item = findHeld(state, serverName, tool, _meta.tool_params)
  return ask(state, request, toMcpCall(item?.id ?? `elicitation/${request}`, serverName, tool, _meta.tool_params ?? item?.arguments), item)
}

// The question names server, tool and input, but not the item.
function findHeld(state: CodexState, server: string, tool: string, input: unknown): McpItem | null {
  const held = [...state.calls.values()].flatMap(({ phase, item }) =>
    phase === 'held' && item?.type === 'mcpToolCall' && item.server === server && item.tool === tool ? [item] : [],
  )
  const wanted = JSON.stringify(input)
  return held.find((item) => JSON.stringify(item.arguments) === wanted) ?? held[0] ?? null
}

/** A question is settled: by its answer, or because the agent withdrew it. */
export function resolveRequest(state: CodexState, request: RpcId): Mapped {
  const id = state.requests.get(request)
  const next = { ...state, requests: without(state.requests, request) }
  const call = id === undefined ? undefined : state.calls.get(id)
  if (id === undefined || call === undefined || call.item !== null) return [next, []]
  const result: CallResult = { output: '', isError: false, durationMs: null, executionEnv: 'unknown' }
  return [withoutCall(next, id), call.phase === 'running' ? [{ kind: 'call.completed', id, result }] : []]
}

function toReason(reason: string | null | undefined): { readonly reason?: string } {
  return reason == null || reason === '' ? {} : { reason }
}
