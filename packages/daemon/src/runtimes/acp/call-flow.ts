import { isDeepStrictEqual } from 'node:util'
import { findLayered, layeredEntries } from '@codesdkd/protocol'
import type { CallResult, NativeCall, Observation } from '../../core/task-host.ts'
import { closeBlock } from './blocks.ts'
import { toCallResult, toContentText, toFileChanges, toNativeCall, toName } from './calls.ts'
import { mergeTool, permissionRequest, toToolUpdate } from './native.ts'
import type { PermissionOption, ToolUpdate } from './native.ts'
import type { AcpRules } from './profile.ts'
import { inOrder, withCall, withoutRequests } from './state.ts'
import type { AcpCall, AcpState, Mapped } from './state.ts'
import type { RpcId } from '../json-rpc.ts'
import { event, notice } from '../observation.ts'

/** The hooks of a profile that decide what a call is. */
export type CallHooks = Pick<AcpRules, 'mergeTool' | 'toCall' | 'toResult' | 'runsUnasked' | 'neverRan' | 'unaskedRule'>

/** Kind of the notice about a call that was carried out although it was denied. */
export const deniedCompleted = 'acp.call.denied_completed'

/**
 * The life of a call in an agent's messages. It may be shown first by an update or by the question itself, and what is asked and
 * what runs unasked look alike until then; so an announced call is held until a question, its end, or the profile tells what it is.
 */
export function updateCall(hooks: CallHooks, before: AcpState, raw: unknown): Mapped {
  const told = toToolUpdate(raw)
  if (told === null) return [before, [notice('warning', 'acp.call.unnamed', 'The agent told of a call without naming it.')]]
  const known = findLayered(before.calls, told.id)
  if (known !== undefined && isOver(known) && !beginsAnew(raw, told)) return tellLate(before, known, told)
  return inOrder(
    before,
    (state) => see(hooks, state, told),
    (state) => compare(hooks, state, told),
    (state) => (isFinal(told) ? finish(hooks, state, told.id) : goOn(hooks, state, told)),
  )
}

const isFinal = ({ status }: Pick<ToolUpdate, 'status'>): boolean => status === 'completed' || status === 'failed'
const isOver = ({ phase }: AcpCall): boolean => phase === 'ended' || phase === 'declined'

// Ids are said to be unique in a session, but not every agent keeps to that.
function beginsAnew(raw: unknown, told: ToolUpdate): boolean {
  const announced = typeof raw === 'object' && raw !== null && 'sessionUpdate' in raw && raw.sessionUpdate === 'tool_call'
  return announced && !isFinal(told)
}

function tellLate(state: AcpState, call: AcpCall, { id, status }: ToolUpdate): Mapped {
  if (call.phase !== 'declined' || status !== 'completed') return [state, []]
  const text = `The agent reports "${call.tool.title}", which was denied, as completed.`
  return [withCall(state, id, { ...call, phase: 'ended' }), [notice('warning', deniedCompleted, text)]]
}

/** Takes down what a message says of a call; a call that was not known before ends the open block. */
function see(hooks: CallHooks, before: AcpState, told: ToolUpdate): Mapped {
  const known = findLayered(before.calls, told.id)
  const merge = hooks.mergeTool ?? mergeTool
  if (known !== undefined && !isOver(known)) return [withCall(before, told.id, { ...known, tool: merge(known.tool, told) }), []]
  const [state, closed] = closeBlock(before)
  const reused = state.reused + (known === undefined ? 0 : 1)
  const call: AcpCall = {
    id: known === undefined ? told.id : `${told.id}#${reused + 1}`,
    phase: 'held',
    tool: merge(null, told),
    streamed: '',
  }
  return [{ ...withCall(state, told.id, call), reused, textOnly: false }, closed]
}

// Somebody has been asked about this very input, so that an answer to it is none to another.
function compare(hooks: CallHooks, state: AcpState, told: ToolUpdate): Mapped {
  const call = findLayered(state.calls, told.id)
  if (call?.asked === undefined || told.rawInput === undefined) return [state, []]
  const { input, title } = toCall(hooks, state, call, [])
  if (isDeepStrictEqual(input, call.asked)) return [state, []]
  const changed = withCall(withoutRequests(state, told.id), told.id, { ...call, asked: input })
  return [changed, [notice('warning', 'acp.call.changed', `The agent changed the input of "${title}" after it had asked for leave.`)]]
}

function goOn(hooks: CallHooks, state: AcpState, told: ToolUpdate): Mapped {
  const call = findLayered(state.calls, told.id)
  if (call?.phase === 'held') return hooks.runsUnasked?.(call.tool, told) === true ? release(hooks, state, told.id) : [state, []]
  return call?.phase === 'running' && told.content !== undefined ? streamOutput(state, told.id, call) : [state, []]
}

// Each update holds the whole output so far.
function streamOutput(state: AcpState, native: string, call: AcpCall): Mapped {
  const output = toContentText(call.tool.content)
  if (output.length <= call.streamed.length || !output.startsWith(call.streamed)) return [state, []]
  const delta = output.slice(call.streamed.length)
  return [withCall(state, native, { ...call, streamed: output }), [{ kind: 'call.output', id: call.id, stream: 'output', delta }]]
}

/** A held call turns out to be one that the agent asks nobody about. */
function release(hooks: CallHooks, state: AcpState, native: string): Mapped {
  const call = findLayered(state.calls, native)
  if (call?.phase !== 'held') return [state, []]
  const rule = hooks.unaskedRule?.(call.tool) ?? 'acp:unasked'
  // What a call that is over shows is its result; its input it is not.
  const { tool } = call
  const shown = isFinal(tool) ? { ...tool, content: tool.content.filter(({ type }) => type === 'diff') } : tool
  const unasked: Observation = { kind: 'call.unasked', call: toCall(hooks, state, { ...call, tool: shown }, []), rule }
  return [withCall(state, native, { ...call, phase: 'running' }), [unasked, { kind: 'call.started', id: call.id }]]
}

function finish(hooks: CallHooks, before: AcpState, native: string): Mapped {
  const held = findLayered(before.calls, native)
  if (held?.phase === 'held' && hooks.neverRan?.(held.tool) === true) {
    const text = `The agent itself refused a call of ${toName(held.tool)}: ${toContentText(held.tool.content)}`
    return [withCall(before, native, toOver(held, 'ended')), [notice('info', 'acp.call.refused', text)]]
  }
  return inOrder(
    before,
    (state) => release(hooks, state, native),
    (state) => {
      const call = findLayered(state.calls, native)
      if (call === undefined) return [state, []]
      const ended = withCall(withoutRequests(state, native), native, toOver(call, 'ended'))
      // One that still waits for its answer never ran: the agent gave it up.
      if (call.phase !== 'running') return [ended, []]
      const result = toResult(hooks, state, call)
      const changes = result.isError ? [] : toFileChanges({ ...call.tool, id: call.id }, state.cwd)
      return [
        ended,
        [...changes.map((payload) => event({ type: 'file.changed', payload })), { kind: 'call.completed', id: call.id, result }],
      ]
    },
  )
}

// A task may make thousands of calls: of one that is over nobody needs the content.
function toOver(call: AcpCall, phase: 'ended' | 'declined'): AcpCall {
  const { asked: _, ...rest } = call
  return { ...rest, phase, streamed: '', tool: { ...call.tool, content: [], rawInput: undefined, rawOutput: undefined } }
}

/** What ran when the turn ended, though nobody was asked; its result is not known. */
export function releaseRunning(hooks: CallHooks, before: AcpState): Mapped {
  const running = layeredEntries(before.calls).filter(([, { phase, tool }]) => phase === 'held' && tool.status === 'in_progress')
  return inOrder(
    before,
    ...running.map(
      ([native]) =>
        (state: AcpState) =>
          release(hooks, state, native),
    ),
  )
}

// ---------------------------------------------------------------- questions

/** The agent asks for leave. A question that cannot be answered for this one call is none: see `toOutcome`. */
export function askCall(hooks: CallHooks, before: AcpState, request: RpcId, params: unknown): Mapped {
  const asked = permissionRequest.safeParse(params)
  const told = asked.success ? toToolUpdate(asked.data.toolCall) : null
  if (!asked.success || told === null) {
    return [
      before,
      [notice('warning', 'acp.permission.invalid', 'The agent asked for leave in a way that is not understood; it was refused.')],
    ]
  }
  if (toOutcome(asked.data.options, true).outcome !== 'selected') {
    return [
      before,
      [notice('warning', 'acp.permission.no_choice', 'The agent asked for leave, but not for this one call; it was refused.')],
    ]
  }
  return inOrder(
    before,
    closeBlock,
    (state) => see(hooks, state, told),
    (state) => {
      const call = findLayered(state.calls, told.id)
      if (call === undefined) return [state, []]
      const shown = toCall(hooks, state, call, asked.data.options)
      const input = shown.input_source === 'described' ? undefined : shown.input
      const requests = new Map(withoutRequests(state, told.id).requests).set(request, told.id)
      const waiting = { ...withCall(state, told.id, { ...call, phase: 'asked', asked: input }), requests }
      return [waiting, [{ kind: 'call.asked', call: shown, reply: request }]]
    },
  )
}

/** The answer to a question has been given. */
export function answered(state: AcpState, request: RpcId, approved: boolean): AcpState {
  const native = state.requests.get(request)
  const call = native === undefined ? undefined : findLayered(state.calls, native)
  const requests = new Map(state.requests)
  requests.delete(request)
  if (native === undefined || call === undefined || call.phase !== 'asked') return { ...state, requests }
  if (!approved) return { ...withCall(state, native, toOver(call, 'declined')), requests }
  // What the question described is not the call's output.
  const tool = { ...call.tool, content: call.tool.content.filter(({ type }) => type === 'diff') }
  return { ...withCall(state, native, { ...call, tool, phase: 'running' }), requests }
}

export type PermissionOutcome = { readonly outcome: 'selected'; readonly optionId: string } | { readonly outcome: 'cancelled' }

/** The answer that decides this one call, by the kind of the option: an id says nothing. What would hold for longer is never chosen. */
export function toOutcome(options: readonly PermissionOption[], approved: boolean): PermissionOutcome {
  const wanted = approved ? 'allow_once' : 'reject_once'
  const option = options.find(({ kind }) => kind === wanted)
  return option === undefined ? { outcome: 'cancelled' } : { outcome: 'selected', optionId: option.optionId }
}

// ---------------------------------------------------------------- shapes

function toCall(hooks: CallHooks, { cwd }: AcpState, { id, tool }: AcpCall, options: readonly PermissionOption[]): NativeCall {
  return { ...(hooks.toCall ?? toNativeCall)(tool, { cwd, options }), id }
}

function toResult(hooks: CallHooks, { cwd, walled }: AcpState, { tool }: AcpCall): CallResult {
  const result = (hooks.toResult ?? toCallResult)(tool, { cwd, options: [] })
  return walled && result.executionEnv === 'host' ? { ...result, executionEnv: 'sandbox' } : result
}
