import type { Payload } from '@codesdkd/protocol'
import type { CallResult, NativeCall, Observation } from '../core/ports.ts'
import {
  leavesWorkspace, toFileChanges, toMcpCall, toMcpResult, toOtherCall, toOtherResult, toPatchCall, toPatchResult, toPermissionsCall,
  toShellCall, toShellResult,
} from './codex-calls.ts'
import { toSafeMessage } from './codex-errors.ts'
import { noise, toNative, toSandboxWish } from './codex-native.ts'
import type { CommandItem, Item, McpItem, Native, NativeError, NativeOf, PatchItem } from './codex-native.ts'
import type { Incoming, RpcId } from './json-rpc.ts'

export type ApprovalPolicy = 'untrusted' | 'on-request' | 'never'

/** How Codex says a turn ended. */
export interface TurnEnd {
  readonly status: string
  readonly error: NativeError | null
}

type CallItem = CommandItem | PatchItem | McpItem

/**
 * Where a call stands. `held`: Codex announced it, and whether it will ask is not known yet. `asked`: it waits for an answer.
 * `running`: it runs. `declined`: it was answered with no, so nothing ran.
 */
interface CallState {
  readonly phase: 'held' | 'asked' | 'running' | 'declined'
  readonly escalated: boolean
  readonly asked: boolean
  readonly item: CallItem | null
}

/** What the mapper remembers of one turn. */
export interface CodexState {
  readonly cwd: string
  readonly policy: ApprovalPolicy
  readonly turnId: string | null
  readonly end: TurnEnd | null
  /** Open output blocks: native block -> block id. */
  readonly blocks: ReadonlyMap<string, string>
  /** How often each native block id was used; an agent that starts over may use one again. */
  readonly blockUses: ReadonlyMap<string, number>
  readonly calls: ReadonlyMap<string, CallState>
  /** Requests that wait for an answer or its effect: their id -> the call. */
  readonly requests: ReadonlyMap<RpcId, string>
  readonly wishes: ReadonlyMap<string, 'stay' | 'leave' | 'unknown'>
  readonly rateLimits: string
  readonly invalidLines: number
}

export type Mapped = readonly [state: CodexState, observations: readonly Observation[]]

const maxInvalidLines = 20

export function createCodexState(about: { readonly cwd: string; readonly policy: ApprovalPolicy }): CodexState {
  return {
    ...about, turnId: null, end: null, blocks: new Map(), blockUses: new Map(), calls: new Map(), requests: new Map(), wishes: new Map(),
    rateLimits: '', invalidLines: 0,
  }
}

/** True while a call runs whose result Codex has not told. */
export function hasRunningCalls(state: CodexState): boolean {
  return state.calls.values().some(({ phase, item }) => phase === 'running' && item !== null)
}

/** What one message of Codex means. Total: never throws, whatever the message is. */
export function mapCodex(state: CodexState, message: Incoming): Mapped {
  if (message.kind === 'invalid') return mapInvalid(state, message)
  const native = toNative(message.method, message.params)
  if (native === null) return [state, toUnknown(message)]
  if (native.method === 'turn/started') return [state.turnId === null ? { ...state, turnId: native.params.turn.id } : state, []]
  if (isForeign(state, native)) return [state, []]
  return mapNative(state, native, message.kind === 'request' ? message.id : null)
}

/** Takes note of the answer that a request of Codex gets. */
export function answered(state: CodexState, request: RpcId, approved: boolean): CodexState {
  const id = state.requests.get(request)
  const call = id === undefined ? undefined : state.calls.get(id)
  if (id === undefined || call === undefined) return state
  return withCall(state, id, { ...call, phase: approved ? 'running' : 'declined' })
}

// Messages of an earlier turn may still be under way; what ran in this turn may still end after it.
function isForeign(state: CodexState, native: Native): boolean {
  if (native.method === 'turn/completed') return native.params.turn.id !== state.turnId || state.end !== null
  const turnId = 'turnId' in native.params ? native.params.turnId : undefined
  if (turnId == null) return false
  if (turnId !== state.turnId) return true
  return state.end !== null && native.method !== 'item/completed'
}

function mapNative(state: CodexState, native: Native, request: RpcId | null): Mapped {
  switch (native.method) {
    case 'turn/started': return [state, []]
    case 'turn/completed': return [{ ...state, end: { status: native.params.turn.status, error: native.params.turn.error ?? null } }, []]
    case 'turn/plan/updated': return [state, [toPlan(native.params)]]
    case 'item/started': return startItem(state, native.params.item)
    case 'item/completed': return completeItem(state, native.params.item)
    case 'item/agentMessage/delta':
    case 'item/plan/delta': return streamBlock(state, native.params.itemId, 'text_delta', native.params.delta)
    case 'item/reasoning/summaryTextDelta':
      return streamBlock(state, partOf(native.params.itemId, 'summary', native.params.summaryIndex), 'reasoning_delta', native.params.delta)
    case 'item/reasoning/textDelta':
      return streamBlock(state, partOf(native.params.itemId, 'content', native.params.contentIndex), 'reasoning_delta', native.params.delta)
    case 'item/commandExecution/outputDelta': return streamOutput(state, native.params)
    case 'thread/tokenUsage/updated': return [state, [toUsage(native.params)]]
    case 'account/rateLimits/updated': return mapRateLimits(state, native.params.rateLimits)
    case 'error': return mapError(state, native.params)
    case 'warning': return [state, [notice('warning', 'warning', native.params.message)]]
    case 'configWarning': return [state, toConfigWarning(native.params)]
    case 'mcpServer/startupStatus/updated': return [state, toMcpStatus(native.params)]
    case 'rawResponseItem/completed': return mapRawItem(state, native.params.item)
    case 'serverRequest/resolved': return mapResolved(state, native.params.requestId)
    case 'item/commandExecution/requestApproval': return request === null ? [state, []] : askCommand(state, request, native.params)
    case 'item/fileChange/requestApproval': return request === null ? [state, []] : askPatch(state, request, native.params)
    case 'item/permissions/requestApproval': return request === null ? [state, []] : askPermissions(state, request, native.params)
    case 'mcpServer/elicitation/request': return request === null ? [state, []] : askMcp(state, request, native.params)
    default: return native satisfies never
  }
}

// ---------------------------------------------------------------- output blocks

const partOf = (itemId: string, kind: 'summary' | 'content', index: number): string => `${itemId}/${kind}/${index}`

function openBlock(state: CodexState, native: string): readonly [CodexState, string] {
  const open = state.blocks.get(native)
  if (open !== undefined) return [state, open]
  const use = (state.blockUses.get(native) ?? 0) + 1
  const id = use === 1 ? native : `${native}#${use}`
  return [{ ...state, blocks: new Map(state.blocks).set(native, id), blockUses: new Map(state.blockUses).set(native, use) }, id]
}

function streamBlock(state: CodexState, native: string, kind: 'text_delta' | 'reasoning_delta', delta: string): Mapped {
  const [next, block_id] = openBlock(state, native)
  return [next, delta === '' ? [] : [event({ type: 'model.output.delta', payload: { kind, block_id, delta } })]]
}

function completeBlock(state: CodexState, native: string, type: 'text' | 'reasoning', text: string): Mapped {
  if (text === '' && !state.blocks.has(native)) return [state, []]
  const [open, block_id] = openBlock(state, native)
  const blocks = new Map(open.blocks)
  blocks.delete(native)
  return [{ ...open, blocks }, [event({ type: 'model.output.completed', payload: { block_id, content: [{ type, text }] } })]]
}

function completeReasoning(state: CodexState, item: Extract<Item, { type: 'reasoning' }>): Mapped {
  const parts = [
    ...item.summary.map((text, index) => [partOf(item.id, 'summary', index), text] as const),
    ...item.content.map((text, index) => [partOf(item.id, 'content', index), text] as const),
  ]
  return chain(state, parts.map(([native, text]) => (current: CodexState) => completeBlock(current, native, 'reasoning', text)))
}

// ---------------------------------------------------------------- items

function startItem(state: CodexState, item: Item): Mapped {
  switch (item.type) {
    case 'commandExecution':
    case 'fileChange':
    case 'mcpToolCall': {
      if (state.calls.has(item.id)) return [state, []]
      const held = withCall(state, item.id, { phase: 'held', escalated: false, asked: false, item })
      return runsUnasked(state, item) ? release(held, item.id) : [held, []]
    }
    case 'agentMessage':
    case 'plan':
    case 'reasoning':
    case 'other': return [state, []]
    default: return item satisfies never
  }
}

// A command that has a process already was not asked about; neither is a tool that calls itself read-only.
function runsUnasked(state: CodexState, item: CallItem): boolean {
  if (state.policy === 'never') return true
  switch (item.type) {
    case 'commandExecution': return item.processId !== null && item.processId !== undefined
    case 'mcpToolCall': return item.readOnlyHint === true
    case 'fileChange': return false
    default: return item satisfies never
  }
}

/** A held call turns out to be one that Codex does not ask about. */
function release(state: CodexState, id: string): Mapped {
  const call = state.calls.get(id)
  if (call?.phase !== 'held' || call.item === null) return [state, []]
  const next = withCall(state, id, { ...call, phase: 'running' })
  return [next, [{ kind: 'call.unasked', call: toCall(call.item, state.cwd), rule: toRule(state, call.item) }, { kind: 'call.started', id }]]
}

function toRule(state: CodexState, item: CallItem): string {
  if (item.type === 'mcpToolCall' && item.readOnlyHint === true) return 'codex:mcp_read_only_hint'
  return `codex:approval_policy=${state.policy}`
}

function completeItem(state: CodexState, item: Item): Mapped {
  switch (item.type) {
    case 'agentMessage':
    case 'plan': return state.end === null ? completeBlock(state, item.id, 'text', item.text) : [state, []]
    case 'reasoning': return state.end === null ? completeReasoning(state, item) : [state, []]
    case 'commandExecution':
    case 'fileChange':
    case 'mcpToolCall': return completeCall(state, item)
    case 'other': return state.end === null ? [state, completeOther(item.item)] : [state, []]
    default: return item satisfies never
  }
}

function completeCall(before: CodexState, item: CallItem): Mapped {
  const [started] = before.calls.has(item.id) ? [before] : startItem(before, item)
  // The completed item is the fuller one: Codex may refine the changes of a patch while it asks.
  const [state, released] = release(withItem(started, item), item.id)
  const call = state.calls.get(item.id)
  if (call === undefined) return [state, []]
  const ended = withoutCall(state, item.id)
  if (call.phase !== 'running') return [ended, []]
  const done: Observation = { kind: 'call.completed', id: item.id, result: toResult(state, item, call) }
  const changed = item.type === 'fileChange' && item.status === 'completed' ? toFileChanges(item, state.cwd) : []
  return [ended, [...released, ...changed.map((payload) => event({ type: 'file.changed', payload })), done]]
}

function toResult(state: CodexState, item: CallItem, call: CallState): CallResult {
  switch (item.type) {
    case 'commandExecution': return toShellResult(item, toExecutionEnv(state, call))
    case 'fileChange': return toPatchResult(item, state.cwd, leavesWorkspace(item, state.cwd) ? 'host' : toExecutionEnv(state, call))
    case 'mcpToolCall': return toMcpResult(item)
    default: return item satisfies never
  }
}

// Under `untrusted` Codex runs an approved command again, outside the sandbox and without a word, when the sandbox refused it.
function toExecutionEnv(state: CodexState, call: CallState): CallResult['executionEnv'] {
  if (state.policy === 'never' || call.escalated) return 'host'
  return call.asked && state.policy === 'untrusted' ? 'unknown' : 'sandbox'
}

function toCall(item: CallItem, cwd: string): NativeCall {
  switch (item.type) {
    case 'commandExecution': return toShellCall(item.id, item.command, item.cwd)
    case 'fileChange': return toPatchCall(item, cwd)
    case 'mcpToolCall': return toMcpCall(item.id, item.server, item.tool, item.arguments)
    default: return item satisfies never
  }
}

function completeOther(item: Extract<Item, { type: 'other' }>['item']): readonly Observation[] {
  if (silentItems.has(item.type)) return []
  const call = toOtherCall(item)
  if (call === null) return [notice('info', `item/${item.type}`, `Codex reports: ${item.type}`, item)]
  return [
    { kind: 'call.unasked', call, rule: 'codex:built_in_tool' },
    { kind: 'call.started', id: call.id },
    { kind: 'call.completed', id: call.id, result: toOtherResult(item) },
  ]
}

const silentItems: ReadonlySet<string> = new Set(['userMessage', 'hookPrompt', 'functionCallOutput'])

function streamOutput(before: CodexState, { itemId, delta }: NativeOf<'item/commandExecution/outputDelta'>): Mapped {
  const [state, released] = release(before, itemId)
  if (state.calls.get(itemId)?.phase !== 'running' || delta === '') return [state, released]
  return [state, [...released, { kind: 'call.output', id: itemId, stream: 'output', delta }]]
}

// ---------------------------------------------------------------- requests for approval

function ask(state: CodexState, request: RpcId, call: NativeCall, item: CallItem | null): Mapped {
  const asked = withCall(state, call.id, { phase: 'asked', escalated: call.escalated === true, asked: true, item })
  const requests = new Map(asked.requests).set(request, call.id)
  return [{ ...asked, requests }, [{ kind: 'call.asked', call, reply: request }]]
}

function askCommand(state: CodexState, request: RpcId, params: NativeOf<'item/commandExecution/requestApproval'>): Mapped {
  const held = state.calls.get(params.itemId)?.item ?? null
  const item = held?.type === 'commandExecution' ? held : null
  const reason = params.reason == null || params.reason === '' ? {} : { reason: params.reason }
  const escalated = asksToLeave(state, params) ? { escalated: true } : {}
  if (params.kind !== 'command') {
    const call: NativeCall = {
      id: params.approvalId ?? `${params.itemId}/${params.kind}/${request}`, name: params.kind === 'writeStdin' ? 'write_stdin' : params.kind,
      kind: 'execute', title: params.command ?? params.kind, input: { command: params.command ?? null, cwd: params.cwd ?? state.cwd },
    }
    return ask(state, request, { ...call, ...reason, ...escalated }, null)
  }
  const shell = toShellCall(params.itemId, params.command ?? item?.command ?? '', params.cwd ?? item?.cwd ?? state.cwd)
  return ask(state, request, { ...shell, ...reason, ...escalated }, item)
}

/**
 * Whether a command wants out of its sandbox. Codex's request itself does not say it; the model's own call does, when it is shown.
 * Where it is not (code mode), a justification gives it away, and under `on-request` a question is taken for a wish to leave.
 */
function asksToLeave(state: CodexState, params: NativeOf<'item/commandExecution/requestApproval'>): boolean {
  if (params.networkApprovalContext != null) return true
  const wish = state.wishes.get(params.itemId) ?? 'unknown'
  if (wish !== 'unknown') return wish === 'leave'
  return state.policy === 'on-request' || (params.reason != null && params.reason !== '')
}

function askPatch(state: CodexState, request: RpcId, params: NativeOf<'item/fileChange/requestApproval'>): Mapped {
  const held = state.calls.get(params.itemId)?.item
  const item: PatchItem = held?.type === 'fileChange' ? held : { type: 'fileChange', id: params.itemId, status: 'inProgress', changes: [] }
  // Without the changes nothing proves that the patch stays inside.
  const escalated = params.grantRoot != null || item.changes.length === 0 || leavesWorkspace(item, state.cwd) || state.policy === 'on-request'
  const call = toPatchCall(item, state.cwd)
  return ask(state, request, { ...call, ...(params.reason == null ? {} : { reason: params.reason }), ...(escalated ? { escalated } : {}) }, item)
}

function askPermissions(state: CodexState, request: RpcId, params: NativeOf<'item/permissions/requestApproval'>): Mapped {
  const call = toPermissionsCall(params.itemId, params)
  return ask(state, request, params.reason == null ? call : { ...call, reason: params.reason }, null)
}

function askMcp(state: CodexState, request: RpcId, params: NativeOf<'mcpServer/elicitation/request'>): Mapped {
  if (params._meta?.codex_approval_kind !== 'mcp_tool_call') {
    return [state, [notice('warning', 'elicitation_declined', `${params.serverName} asked: ${params.message}`)]]
  }
  const { tool_name: tool, tool_params: input } = params._meta
  const item = findHeldMcp(state, params.serverName, tool ?? '', input)
  const id = item?.id ?? `elicitation/${request}`
  return ask(state, request, toMcpCall(id, params.serverName, tool ?? item?.tool ?? '', input ?? item?.arguments), item)
}

// The request names server and tool, but not the item.
function findHeldMcp(state: CodexState, server: string, tool: string, input: unknown): McpItem | null {
  const held = [...state.calls.values()].flatMap(({ phase, item }) =>
    phase === 'held' && item?.type === 'mcpToolCall' && item.server === server && item.tool === tool ? [item] : [])
  const wanted = JSON.stringify(input)
  return held.find((item) => JSON.stringify(item.arguments) === wanted) ?? held[0] ?? null
}

function mapResolved(state: CodexState, request: RpcId): Mapped {
  const id = state.requests.get(request)
  if (id === undefined) return [state, []]
  const requests = new Map(state.requests)
  requests.delete(request)
  const next = { ...state, requests }
  const call = state.calls.get(id)
  // Codex shows no item for such a call: its answer is all that happens.
  if (call === undefined || call.item !== null) return [next, []]
  const result: CallResult = { output: '', isError: false, durationMs: null, executionEnv: 'unknown' }
  return [withoutCall(next, id), call.phase === 'running' ? [{ kind: 'call.completed', id, result }] : []]
}
// ---------------------------------------------------------------- everything else

function mapRawItem(state: CodexState, raw: unknown): Mapped {
  const wish = toSandboxWish(raw)
  return wish === null ? [state, []] : [{ ...state, wishes: new Map(state.wishes).set(wish.callId, wish.wish) }, []]
}

// A retried request starts its messages again from the beginning: what was shown of them is void.
function mapError(state: CodexState, { error, willRetry }: NativeOf<'error'>): Mapped {
  if (!willRetry) return [state, []]
  const discarded = [...state.blocks.values()].map((block_id) => event({ type: 'model.output.discarded', payload: { block_id } }))
  const details = error.additionalDetails == null ? '' : ` (${error.additionalDetails})`
  return [{ ...state, blocks: new Map() }, [...discarded, notice('warning', 'model_retry', `${error.message}${details}`)]]
}

function mapRateLimits(state: CodexState, limits: Readonly<Record<string, unknown>>): Mapped {
  const { limitId, ...rest } = limits
  const told = JSON.stringify(rest)
  if (told === state.rateLimits || Object.values(rest).every((value) => value === null)) return [state, []]
  return [{ ...state, rateLimits: told }, [notice('info', 'rate_limits', 'Codex reports its rate limits.', limits)]]
}

function mapInvalid(state: CodexState, { reason, line }: Extract<Incoming, { kind: 'invalid' }>): Mapped {
  const invalidLines = state.invalidLines + 1
  const next = { ...state, invalidLines }
  if (invalidLines > maxInvalidLines) return [next, []]
  const more = invalidLines === maxInvalidLines ? '; further ones are not reported' : ''
  return [next, [notice('warning', 'agent.output.invalid', `Codex wrote something that is no message: ${reason}${more}`, { line: line.slice(0, 200) })]]
}

function toUnknown(message: Exclude<Incoming, { kind: 'invalid' }>): readonly Observation[] {
  if (message.kind === 'notification' && noise.has(message.method)) return []
  if (message.method === 'item/tool/requestUserInput') return [notice('warning', 'question_unanswered', 'Codex asked a question that nobody could be shown.', message.params)]
  const what = message.kind === 'request' ? 'a request that this daemon does not know' : 'a message that this daemon does not know'
  return [notice(message.kind === 'request' ? 'warning' : 'info', message.method, `Codex sent ${what}.`, message.params)]
}

function toPlan({ plan, explanation }: NativeOf<'turn/plan/updated'>): Observation {
  const entries = plan.map(({ step, status }) => ({ text: step, status: status === 'inProgress' ? ('in_progress' as const) : status }))
  return event({ type: 'plan.updated', payload: { entries, ...(explanation == null || explanation === '' ? {} : { explanation }) } })
}

function toUsage({ tokenUsage: { last, modelContextWindow } }: NativeOf<'thread/tokenUsage/updated'>): Observation {
  const payload: Payload<'usage.reported'> = {
    scope: 'call',
    input_tokens: last.inputTokens ?? null,
    output_tokens: last.outputTokens ?? null,
    cached_input_tokens: last.cachedInputTokens ?? null,
    reasoning_tokens: last.reasoningOutputTokens ?? null,
    cost_usd: null,
    context_window: modelContextWindow ?? null,
  }
  return event({ type: 'usage.reported', payload })
}

function toConfigWarning({ summary, details }: NativeOf<'configWarning'>): readonly Observation[] {
  // The bundled bubblewrap works just as well.
  if (summary.includes('bundled bubblewrap')) return []
  return [notice('warning', 'config_warning', details == null ? summary : `${summary}\n${details}`)]
}

function toMcpStatus({ name, status, error }: NativeOf<'mcpServer/startupStatus/updated'>): readonly Observation[] {
  if (status !== 'failed') return []
  return [notice('warning', 'mcp_server_failed', `The MCP server ${name} did not start: ${error ?? 'no reason was given'}`)]
}

// ---------------------------------------------------------------- small change

function event(of: Extract<Observation, { kind: 'event' }>['event']): Observation {
  return { kind: 'event', event: of }
}

function notice(level: Payload<'runtime.notice'>['level'], kind: string, message: string, data?: unknown): Observation {
  const payload = { level, kind, message: toSafeMessage(message), ...(data === undefined ? {} : { data }) }
  return event({ type: 'runtime.notice', payload })
}

function withCall(state: CodexState, id: string, call: CallState): CodexState {
  return { ...state, calls: new Map(state.calls).set(id, call) }
}

function withItem(state: CodexState, item: CallItem): CodexState {
  const call = state.calls.get(item.id)
  return call === undefined ? state : withCall(state, item.id, { ...call, item })
}

function withoutCall(state: CodexState, id: string): CodexState {
  const calls = new Map(state.calls)
  calls.delete(id)
  return { ...state, calls }
}

function chain(state: CodexState, steps: readonly ((state: CodexState) => Mapped)[]): Mapped {
  return steps.reduce<Mapped>(([current, seen], step) => {
    const [next, observations] = step(current)
    return [next, [...seen, ...observations]]
  }, [state, []])
}
