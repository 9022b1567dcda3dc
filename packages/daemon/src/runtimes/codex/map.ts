import { findLayered, putLayered, type Payload } from '@codesdkd/protocol'
import type { Observation } from '../../core/task-host.ts'
import {
  askCommand,
  askMcp,
  askPatch,
  askPermissions,
  completeCall,
  completeOther,
  resolveRequest,
  startCall,
  streamOutput,
  typeInput,
} from './call-flow.ts'
import { askPerson } from './questions.ts'
import { noise, toNative } from './native.ts'
import type { Item, Native, NativeOf } from './native.ts'
import { mapRaw } from './raw.ts'
import { without } from './state.ts'
import type { CodexState, Mapped } from './state.ts'
import type { Incoming, RpcId } from '../json-rpc.ts'
import { event, notice } from '../observation.ts'

/** Notices of unreadable lines in one turn; a flood of them tells nothing more. */
const maxInvalidLines = 20

/** What one message of Codex means to the turn. Pure and total: never throws, whatever the message is. */
export function mapCodex(state: CodexState, message: Incoming): Mapped {
  if (message.kind === 'invalid') return mapInvalid(state, message)
  const native = toNative(message.method, message.params)
  if (native === null) return [state, toUnknown(message)]
  if (native.method === 'turn/started') return [{ ...state, turnId: state.turnId ?? native.params.turn.id }, []]
  if (isForeign(state, native)) return [state, []]
  return message.kind === 'request' ? mapRequest(state, native, message.id) : mapNotification(state, native)
}

// Messages of an earlier turn may still be under way; and a command of this turn may still end after it.
function isForeign(state: CodexState, native: Native): boolean {
  if (native.method === 'turn/completed') return native.params.turn.id !== state.turnId || state.end !== null
  const turnId = 'turnId' in native.params ? native.params.turnId : null
  if (turnId == null) return false
  return turnId !== state.turnId || (state.end !== null && native.method !== 'item/completed')
}

function mapRequest(state: CodexState, native: Native, request: RpcId): Mapped {
  const { method, params } = native
  if (method === 'item/commandExecution/requestApproval') return askCommand(state, request, params)
  if (method === 'item/fileChange/requestApproval') return askPatch(state, request, params)
  if (method === 'item/permissions/requestApproval') return askPermissions(state, request, params)
  if (method === 'mcpServer/elicitation/request') return askMcp(state, request, params)
  if (method === 'item/tool/requestUserInput') return [state, askPerson(request, params)]
  return [state, []]
}

function mapNotification(state: CodexState, native: Native): Mapped {
  switch (native.method) {
    case 'turn/completed':
      return [{ ...state, end: { status: native.params.turn.status, error: native.params.turn.error ?? null } }, []]
    case 'turn/plan/updated':
      return [state, [toPlan(native.params)]]
    case 'item/started':
      return isCall(native.params.item) ? startCall(state, native.params.item) : [state, []]
    case 'item/completed':
      return completeItem(state, native.params.item)
    case 'item/agentMessage/delta':
    case 'item/plan/delta':
      return streamBlock(state, native.params.itemId, 'text_delta', native.params.delta)
    case 'item/reasoning/summaryTextDelta':
      return streamBlock(state, partOf(native.params.itemId, 'summary', native.params.summaryIndex), 'reasoning_delta', native.params.delta)
    case 'item/reasoning/textDelta':
      return streamBlock(state, partOf(native.params.itemId, 'content', native.params.contentIndex), 'reasoning_delta', native.params.delta)
    case 'item/commandExecution/outputDelta':
      return streamOutput(state, native.params)
    case 'item/commandExecution/terminalInteraction':
      return [{ ...state, typed: state.typed + 1 }, typeInput(state, native.params)]
    case 'thread/tokenUsage/updated':
      return [state, [toUsage(native.params)]]
    case 'account/rateLimits/updated':
      return mapRateLimits(state, native.params)
    case 'error':
      return mapError(state, native.params)
    case 'warning':
      return [state, [notice('warning', 'warning', native.params.message)]]
    case 'configWarning':
      return [state, toConfigWarning(native.params)]
    case 'mcpServer/startupStatus/updated':
      return [state, toMcpStatus(native.params)]
    case 'rawResponseItem/completed':
      return mapRaw(state, native.params.item)
    case 'serverRequest/resolved':
      return resolveRequest(state, native.params.requestId)
    case 'turn/started':
    case 'item/commandExecution/requestApproval':
    case 'item/fileChange/requestApproval':
    case 'item/permissions/requestApproval':
    case 'mcpServer/elicitation/request':
    case 'item/tool/requestUserInput':
      return [state, []]
    default:
      return native satisfies never
  }
}

function isCall(item: Item): item is Parameters<typeof startCall>[1] {
  return item.type === 'commandExecution' || item.type === 'fileChange' || item.type === 'mcpToolCall'
}

function completeItem(state: CodexState, item: Item): Mapped {
  if (isCall(item)) return completeCall(state, item)
  if (state.end !== null) return [state, []]
  switch (item.type) {
    case 'agentMessage':
    case 'plan':
      return completeBlock(state, item.id, 'text', item.text)
    case 'reasoning':
      return completeReasoning(state, item)
    case 'other':
      return [state, completeOther(item.item)]
    default:
      return item satisfies never
  }
}

// ---------------------------------------------------------------- output blocks

const partOf = (itemId: string, kind: 'summary' | 'content', index: number): string => `${itemId}/${kind}/${index}`

function openBlock(state: CodexState, native: string): readonly [CodexState, string] {
  const open = state.blocks.get(native)
  if (open !== undefined) return [state, open]
  const use = (findLayered(state.blockUses, native) ?? 0) + 1
  const id = use === 1 ? native : `${native}#${use}`
  return [{ ...state, blocks: new Map(state.blocks).set(native, id), blockUses: putLayered(state.blockUses, native, use) }, id]
}

function streamBlock(state: CodexState, native: string, kind: 'text_delta' | 'reasoning_delta', delta: string): Mapped {
  if (delta === '') return [state, []]
  const [next, block_id] = openBlock(state, native)
  return [next, [event({ type: 'model.output.delta', payload: { kind, block_id, delta } })]]
}

function completeBlock(state: CodexState, native: string, type: 'text' | 'reasoning', text: string): Mapped {
  if (text === '' && !state.blocks.has(native)) return [state, []]
  const [open, block_id] = openBlock(state, native)
  return [
    { ...open, blocks: without(open.blocks, native) },
    [event({ type: 'model.output.completed', payload: { block_id, content: [{ type, text }] } })],
  ]
}

// Each part of a reasoning is a block of its own, so that the deltas of a block are exactly its text.
function completeReasoning(state: CodexState, { id, summary, content }: Extract<Item, { type: 'reasoning' }>): Mapped {
  const parts = [
    ...summary.map((text, index) => ({ native: partOf(id, 'summary', index), text })),
    ...content.map((text, index) => ({ native: partOf(id, 'content', index), text })),
  ]
  return parts.reduce<Mapped>(
    ([current, seen], { native, text }) => {
      const [next, observations] = completeBlock(current, native, 'reasoning', text)
      return [next, [...seen, ...observations]]
    },
    [state, []],
  )
}

// A retried request starts its messages again from the beginning: what was shown of them is void.
function mapError(state: CodexState, { error, willRetry }: NativeOf<'error'>): Mapped {
  // A final error comes once more with the end of the turn.
  if (!willRetry) return [state, []]
  const discarded = [...state.blocks.values()].map((block_id) => event({ type: 'model.output.discarded', payload: { block_id } }))
  const details = error.additionalDetails == null ? '' : ` (${error.additionalDetails})`
  return [{ ...state, blocks: new Map() }, [...discarded, notice('warning', 'model_retry', `${error.message}${details}`)]]
}

// ---------------------------------------------------------------- everything else

function mapRateLimits(state: CodexState, { rateLimits }: NativeOf<'account/rateLimits/updated'>): Mapped {
  const told = JSON.stringify(rateLimits)
  const empty = Object.entries(rateLimits).every(([name, value]) => value === null || name === 'limitId')
  if (empty || told === state.rateLimits) return [state, []]
  return [{ ...state, rateLimits: told }, [notice('info', 'rate_limits', 'Codex reports its rate limits.', rateLimits)]]
}

function mapInvalid(state: CodexState, { reason, line }: Extract<Incoming, { kind: 'invalid' }>): Mapped {
  const invalidLines = state.invalidLines + 1
  if (invalidLines > maxInvalidLines) return [{ ...state, invalidLines }, []]
  const more = invalidLines === maxInvalidLines ? '; further ones are not reported' : ''
  return [
    { ...state, invalidLines },
    [notice('warning', 'agent.output.invalid', `Codex wrote what is no message: ${reason}${more}.`, { line: line.slice(0, 200) })],
  ]
}

function toUnknown({ kind, method, params }: Exclude<Incoming, { kind: 'invalid' }>): readonly Observation[] {
  if (kind === 'request') return [notice('warning', method, 'Codex made a request that nobody can be shown; it was refused.', params)]
  return noise.has(method) ? [] : [notice('info', method, 'Codex sent a message that the daemon does not know.', params)]
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
  // The bundled bubblewrap works just as well as an installed one.
  if (summary.includes('bundled bubblewrap')) return []
  return [notice('warning', 'config_warning', details == null ? summary : `${summary}\n${details}`)]
}

function toMcpStatus({ name, status, error }: NativeOf<'mcpServer/startupStatus/updated'>): readonly Observation[] {
  return status === 'failed'
    ? [notice('warning', 'mcp_server_failed', `The MCP server ${name} did not start: ${error ?? 'no reason was given'}`)]
    : []
}
