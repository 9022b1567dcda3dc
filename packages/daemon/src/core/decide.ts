import {
  Problem, type CallIdentity, type DecidedBy, type NewEvent, type Payload, type PermissionMode, type PolicySnapshot, type SessionState,
  type TaskState, type ToolCall, type ToolCallState,
} from '@codesdkd/protocol'
import type { CallResult, NativeCall, NewId, Observation, Outcome } from './ports.ts'

/** At most so many calls of one session may wait for a person; more are denied at once. */
export const PENDING_LIMIT = 64

/** What the daemon itself contributes to a decision; parameters, so that `decide` stays pure. */
export interface Inputs {
  readonly newId: NewId
  readonly inputHash: (call: ToolCall) => string
  /** Canonical hash of any JSON value. */
  readonly contentHash: (value: unknown) => string
  readonly permissionMode: PermissionMode
}

/** What policy found for one call. */
export interface Verdict {
  readonly result: 'allow' | 'deny' | 'ask'
  readonly rule: string
  readonly reason?: string
}

/** The output of a finished call after large text went to an artifact. */
export interface PreparedResult extends Omit<CallResult, 'output'> {
  readonly preview: string
  readonly ref?: string
  readonly truncated: boolean
}

/** An observation whose large parts are already stored. */
export type PreparedObservation =
  | Exclude<Observation, { kind: 'call.completed' | 'call.asked' }>
  | { readonly kind: 'call.completed'; readonly id: string; readonly result: PreparedResult }

/** The task if it may still have events; everything that comes for an ended or unknown task changes nothing. */
export function openTask(state: SessionState, taskId: string): TaskState | undefined {
  const task = state.tasks.get(taskId)
  return task?.status === 'running' && task.phase !== 'queued' ? task : undefined
}

/** What the agent did by itself -> events. An observation that breaks the order of a call changes nothing. */
export function observe(state: SessionState, taskId: string, observation: PreparedObservation, inputs: Inputs): readonly NewEvent[] {
  const task = openTask(state, taskId)
  if (task === undefined) return []
  switch (observation.kind) {
    case 'event':
      return [withDaemonCallId(task, { ...observation.event, task_id: taskId })]
    case 'call.unasked':
      return unasked(task, observation.call, observation.rule, inputs)
    case 'call.started': {
      const call = latestCall(task, observation.id)
      return call?.phase === 'approved' ? [started(task, call)] : []
    }
    case 'call.output': {
      const call = latestCall(task, observation.id)
      if (call?.phase !== 'started') return []
      return [{ type: 'tool.output.delta', task_id: taskId, payload: { ...identity(call), stream: observation.stream, delta: observation.delta } }]
    }
    case 'call.completed': {
      const call = latestCall(task, observation.id)
      if (call === undefined || (call.phase !== 'started' && call.phase !== 'approved')) return []
      return [...(call.phase === 'approved' ? [started(task, call)] : []), ...completed(task, call, observation.result, inputs)]
    }
    case 'runtime_session':
      return []
    default:
      return observation satisfies never
  }
}

/** The agent asks for leave to run a call. One native call that asks again is the same call with a higher attempt. */
export function request(state: SessionState, taskId: string, native: NativeCall, inputs: Inputs): { events: readonly NewEvent[]; call: CallIdentity } | null {
  const task = openTask(state, taskId)
  if (task === undefined) return null
  const earlier = latestCall(task, native.id)
  const { id, ...call } = native
  const next: CallIdentity = {
    tool_call_id: earlier?.tool_call_id ?? inputs.newId(),
    attempt: (earlier?.attempt ?? 0) + 1,
    input_hash: inputs.inputHash(call),
  }
  const superseded = earlier !== undefined && isUndecided(earlier) ? [denied(task, earlier, 'daemon', 'superseded by another attempt', inputs)] : []
  return { events: [...superseded, { type: 'tool.call.requested', task_id: taskId, payload: { ...next, runtime_tool_call_id: id, ...call } }], call: next }
}

/** Policy has spoken about a requested call. */
export function evaluate(
  state: SessionState, taskId: string, identityOf: CallIdentity, verdict: Verdict, inputs: Inputs, expiresAt: string | null,
): readonly NewEvent[] {
  const task = openTask(state, taskId)
  const call = task?.calls.get(identityOf.tool_call_id)
  if (task === undefined || call?.phase !== 'requested' || call.attempt !== identityOf.attempt) return []
  const evaluated = policyEvaluated(task, call, 'codesdk', verdict.result, verdict.rule, verdict.result === 'ask' ? expiresAt : null)
  switch (verdict.result) {
    case 'allow':
      return [evaluated, approved(task, call, 'policy', verdict.rule, inputs)]
    case 'deny':
      return [evaluated, denied(task, call, 'policy', verdict.reason ?? verdict.rule, inputs, verdict.rule)]
    case 'ask':
      return pendingCount(state) >= PENDING_LIMIT ? [denied(task, call, 'daemon', 'too_many_pending', inputs)] : [evaluated]
    default:
      return verdict.result satisfies never
  }
}

export interface PersonDecision {
  readonly decision: 'approved' | 'denied'
  readonly attempt: number
  readonly input_hash: string
  readonly reason?: string
}

/** How far a call has come, as far as a decision about it matters. */
export interface Standing {
  readonly attempt: number
  readonly input_hash: string
  /** Whether it was ever put to a person. */
  readonly asked: boolean
  /** Null while it waits. */
  readonly decision: 'approved' | 'denied' | null
  readonly decided_by: DecidedBy | null
}

/**
 * Checks a person's decision in the order of the contract: put to a person at all, attempt, hash, decided already.
 * `open`: it may be made now. `same`: a person already made it. Throws `Problem`.
 */
export function checkDecision(stands: Standing | null, wish: PersonDecision): 'open' | 'same' {
  if (stands === null || !stands.asked) throw new Problem('tool_call_not_pending', 'No call with this id waits for a decision.')
  if (wish.attempt !== stands.attempt) {
    throw new Problem('attempt_mismatch', 'The decision names another attempt than the one that was asked.', { members: { expected: stands.attempt } })
  }
  if (wish.input_hash !== stands.input_hash) {
    throw new Problem('input_hash_mismatch', 'The decision names another input than the one that was asked.', { members: { expected: stands.input_hash } })
  }
  if (stands.decision === null) return 'open'
  if (stands.decided_by === 'user' && stands.decision === wish.decision) return 'same'
  throw new Problem('already_decided', `The call was already ${stands.decision} by the ${stands.decided_by ?? 'daemon'}.`, {
    members: { decision: stands.decision, decided_by: stands.decided_by },
  })
}

/** A person decides a call of an open task. No events when the same decision already stands. Throws `Problem`. */
export function decideByPerson(task: TaskState, call: ToolCallState, wish: PersonDecision, inputs: Inputs): readonly NewEvent[] {
  if (checkDecision(toStanding(call), wish) === 'same') return []
  return [
    policyEvaluated(task, call, 'user', wish.decision === 'approved' ? 'allow' : 'deny', 'person', null),
    wish.decision === 'approved'
      ? approved(task, call, 'user', 'person', inputs)
      : denied(task, call, 'user', wish.reason ?? 'denied by the user', inputs, 'person'),
  ]
}

/** The daemon denies what still waits: a stop, a time limit. */
export function denyPending(task: TaskState, reason: string, inputs: Inputs, only?: CallIdentity): readonly NewEvent[] {
  return [...task.calls.values()]
    .filter((call) => isUndecided(call) && (only === undefined || (call.tool_call_id === only.tool_call_id && call.attempt === only.attempt)))
    .map((call) => denied(task, call, 'daemon', reason, inputs))
}

/** Closes everything that a task leaves open, in the order that its events promise. The terminal event follows with the receipt. */
export function closeOpen(task: TaskState, reason: string, texts: ReadonlyMap<string, string>, inputs: Inputs): readonly NewEvent[] {
  const blocks: NewEvent[] = [...task.blocks].map(([block_id, { kind }]) => ({
    type: 'model.output.completed',
    task_id: task.task_id,
    payload: {
      block_id,
      content: [{ type: kind === 'reasoning_delta' ? 'reasoning' : 'text', text: texts.get(block_id) ?? '' }],
      partial: true,
    },
  }))
  const running = [...task.calls.values()].filter((call) => call.phase === 'started' || call.phase === 'approved')
  const cut: PreparedResult = {
    preview: `ended with the task: ${reason}`, truncated: false, isError: true, exitCode: null, durationMs: null, executionEnv: 'unknown',
  }
  return [...blocks, ...denyPending(task, reason, inputs), ...running.flatMap((call) => completed(task, call, cut, inputs))]
}

/** The last event of a task. */
export function terminal(taskId: string, outcome: Outcome, receipt: Payload<'task.completed'>['receipt']): NewEvent {
  const { reason } = outcome
  switch (outcome.status) {
    case 'completed':
      return { type: 'task.completed', task_id: taskId, payload: { reason, receipt } }
    case 'stopped':
      return { type: 'task.stopped', task_id: taskId, payload: { reason, receipt } }
    case 'failed':
      return { type: 'task.failed', task_id: taskId, payload: { reason, error: outcome.error, receipt } }
    default:
      return outcome satisfies never
  }
}

function unasked(task: TaskState, native: NativeCall, rule: string, inputs: Inputs): readonly NewEvent[] {
  const earlier = latestCall(task, native.id)
  if (earlier !== undefined) return []
  const { id, ...call } = native
  const next = { tool_call_id: inputs.newId(), attempt: 1, input_hash: inputs.inputHash(call) }
  const task_id = task.task_id
  return [
    { type: 'tool.call.requested', task_id, payload: { ...next, runtime_tool_call_id: id, ...call } },
    { type: 'tool.call.policy_evaluated', task_id, payload: { ...next, source: 'runtime', result: 'allow', rule } },
    { type: 'tool.call.approved', task_id, payload: { ...next, decided_by: 'runtime', policy_snapshot: snapshot(inputs, 'allow', rule) } },
    { type: 'tool.call.started', task_id, payload: { ...next, executed_by: 'runtime' } },
  ]
}

function completed(task: TaskState, call: ToolCallState, result: PreparedResult, inputs: Inputs): readonly NewEvent[] {
  const reference = result.ref === undefined ? {} : { result_ref: result.ref }
  const output: NewEvent = {
    type: 'tool.output.completed',
    task_id: task.task_id,
    payload: { ...identity(call), result_preview: result.preview, ...reference, truncated: result.truncated },
  }
  const end: NewEvent = {
    type: 'tool.call.completed',
    task_id: task.task_id,
    payload: {
      ...identity(call),
      name: call.call.name,
      executed_by: 'runtime',
      execution_env: result.executionEnv,
      policy_snapshot: call.snapshot ?? snapshot(inputs, 'allow', 'unknown'),
      result_preview: result.preview,
      ...reference,
      is_error: result.isError,
      ...(result.exitCode === undefined ? {} : { exit_code: result.exitCode }),
      duration_ms: result.durationMs,
    },
  }
  return [output, end]
}

function started(task: TaskState, call: ToolCallState): NewEvent {
  return { type: 'tool.call.started', task_id: task.task_id, payload: { ...identity(call), executed_by: 'runtime' } }
}

function policyEvaluated(
  task: TaskState, call: ToolCallState, source: 'codesdk' | 'user', result: Verdict['result'], rule: string, expiresAt: string | null,
): NewEvent {
  return {
    type: 'tool.call.policy_evaluated',
    task_id: task.task_id,
    payload: { ...identity(call), source, result, rule, ...(expiresAt === null ? {} : { expires_at: expiresAt }) },
  }
}

function approved(task: TaskState, call: ToolCallState, by: DecidedBy, rule: string, inputs: Inputs): NewEvent {
  return { type: 'tool.call.approved', task_id: task.task_id, payload: { ...identity(call), decided_by: by, policy_snapshot: snapshot(inputs, 'allow', rule) } }
}

function denied(task: TaskState, call: ToolCallState, by: DecidedBy, reason: string, inputs: Inputs, rule = 'daemon'): NewEvent {
  return {
    type: 'tool.call.denied',
    task_id: task.task_id,
    payload: { ...identity(call), decided_by: by, reason, policy_snapshot: snapshot(inputs, 'deny', rule) },
  }
}

function snapshot(inputs: Inputs, decision: PolicySnapshot['decision'], rule: string): PolicySnapshot {
  return { permission_mode: inputs.permissionMode, decision, sources: [rule] }
}

function identity({ tool_call_id, attempt, input_hash }: CallIdentity): CallIdentity {
  return { tool_call_id, attempt, input_hash }
}

function isUndecided(call: ToolCallState): boolean {
  return call.phase === 'requested' || call.phase === 'pending'
}

function toStanding(call: ToolCallState): Standing {
  const decided = call.snapshot?.decision === 'deny' ? 'denied' : 'approved'
  return {
    attempt: call.attempt,
    input_hash: call.input_hash,
    asked: call.put_to_person,
    decision: isUndecided(call) ? null : decided,
    decided_by: call.decided_by,
  }
}

function latestCall(task: TaskState, nativeId: string): ToolCallState | undefined {
  for (const calls of [task.calls, task.closed_calls]) {
    for (const call of calls.values()) if (call.runtime_tool_call_id === nativeId) return call
  }
  return undefined
}

function pendingCount(state: SessionState): number {
  let count = 0
  for (const task of state.tasks.values()) for (const call of task.calls.values()) if (call.phase === 'pending') count += 1
  return count
}

/** The agent's own call ids never reach the wire as ours: a known one is replaced, an unknown one left out. */
function withDaemonCallId(task: TaskState, event: NewEvent): NewEvent {
  switch (event.type) {
    case 'file.changed': return { ...event, payload: named(task, event.payload) }
    case 'model.output.delta': return { ...event, payload: named(task, event.payload) }
    default: return event
  }
}

function named<P extends { readonly tool_call_id?: string | undefined }>(task: TaskState, { tool_call_id: native, ...payload }: P) {
  const call = native === undefined ? undefined : latestCall(task, native)
  return call === undefined ? payload : { ...payload, tool_call_id: call.tool_call_id }
}
