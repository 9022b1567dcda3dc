import {
  findNativeCall,
  type CallIdentity,
  type NewEvent,
  type Payload,
  type SessionState,
  type TaskState,
  type ToolCallState,
  type ConfinementDenial,
} from '@codesdkd/protocol'
import {
  approved,
  byDaemon,
  completed,
  denied,
  end,
  identity,
  isUndecided,
  policyEvaluated,
  snapshot,
  started,
  type Inputs,
  type PreparedResult,
  type Verdict,
} from './call-events.ts'
import type { Outcome } from './ports.ts'
import type { Asked, NativeCall, Observation } from './task-host.ts'
import { cancelQuestions } from './question.ts'

/** At most so many calls of one session may wait for a person; more are denied at once. */
export const PENDING_LIMIT = 64

/** An observation whose large parts are already stored. */
export type PreparedObservation =
  | Exclude<Observation, { kind: 'call.completed' } | Asked>
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
      const call = findNativeCall(task, observation.id)
      return call?.phase === 'approved' ? [started(task, call)] : []
    }
    case 'call.output': {
      const call = findNativeCall(task, observation.id)
      if (call?.phase !== 'started') return []
      return [
        {
          type: 'tool.output.delta',
          task_id: taskId,
          payload: { ...identity(call), stream: observation.stream, delta: observation.delta },
        },
      ]
    }
    case 'call.completed': {
      const call = findNativeCall(task, observation.id)
      if (call === undefined || (call.phase !== 'started' && call.phase !== 'approved')) return []
      return [...(call.phase === 'approved' ? [started(task, call)] : []), ...completed(task, call, observation.result, inputs)]
    }
    case 'refused':
      return [refused(taskId, observation.denial)]
    case 'runtime_session':
      return []
    default:
      return observation satisfies never
  }
}

/** What was refused while no call ran, as background work of the agent, has a place of its own. */
function refused(task_id: string, denial: ConfinementDenial): NewEvent {
  const what = denial.kind === 'network' ? 'a connection to' : 'to write'
  const message = `The sandbox refused ${what} ${denial.target}: ${denial.reason}`
  return { type: 'runtime.notice', task_id, payload: { level: 'info', kind: 'confinement_denied', message, data: denial } }
}

/** The agent asks for leave to run a call. One native call that asks again is the same call with a higher attempt. */
export function request(
  state: SessionState,
  taskId: string,
  native: NativeCall,
  inputs: Inputs,
): { events: readonly NewEvent[]; call: CallIdentity } | null {
  const task = openTask(state, taskId)
  if (task === undefined) return null
  const earlier = findNativeCall(task, native.id)
  const { id, ...call } = native
  const next: CallIdentity = {
    tool_call_id: earlier?.tool_call_id ?? inputs.newId(),
    attempt: (earlier?.attempt ?? 0) + 1,
    input_hash: inputs.inputHash(call),
  }
  const superseded = earlier === undefined ? [] : supersede(task, earlier, inputs)
  return {
    events: [...superseded, { type: 'tool.call.requested', task_id: taskId, payload: { ...next, runtime_tool_call_id: id, ...call } }],
    call: next,
  }
}

/** The attempt before ends where the next begins. */
function supersede(task: TaskState, earlier: ToolCallState, inputs: Inputs): readonly NewEvent[] {
  const reason = 'superseded by another attempt'
  if (isUndecided(earlier)) return [denied(task, earlier, byDaemon, reason, inputs)]
  return cutShort(task, earlier, reason, inputs)
}

/** The end of a call that may run, where it has none yet. Who was told that it may must also hear that it does not any more. */
function cutShort(task: TaskState, call: ToolCallState, why: string, inputs: Inputs): readonly NewEvent[] {
  const result = { truncated: false, isError: true, exitCode: null, durationMs: null, executionEnv: 'unknown' } as const
  if (call.phase === 'started') return completed(task, call, { ...result, preview: why }, inputs)
  // Not `started`: a host takes that for leave to run the call.
  return call.phase === 'approved' ? [end(task, call, { ...result, preview: `never seen to begin; ${why}` }, inputs)] : []
}

/** Policy has spoken about a requested call. */
export function evaluate(
  state: SessionState,
  taskId: string,
  identityOf: CallIdentity,
  verdict: Verdict,
  inputs: Inputs,
  expiresAt: string | null,
): readonly NewEvent[] {
  const task = openTask(state, taskId)
  const call = task?.calls.get(identityOf.tool_call_id)
  if (task === undefined || call?.phase !== 'requested' || call.attempt !== identityOf.attempt) return []
  const evaluated = policyEvaluated(task, call, 'codesdk', verdict.result, verdict.rule, verdict.result === 'ask' ? expiresAt : null)
  const byPolicy = { by: 'policy', rule: verdict.rule } as const
  switch (verdict.result) {
    case 'allow':
      return [evaluated, approved(task, call, byPolicy, inputs)]
    case 'deny':
      return [evaluated, denied(task, call, byPolicy, verdict.reason ?? verdict.rule, inputs)]
    case 'ask':
      return pendingCount(state) >= PENDING_LIMIT ? [denied(task, call, byDaemon, 'too_many_pending', inputs)] : [evaluated]
    default:
      return verdict.result satisfies never
  }
}

/** The daemon denies what still waits: a stop, a time limit. */
export function denyPending(task: TaskState, reason: string, inputs: Inputs, only?: CallIdentity): readonly NewEvent[] {
  return [...task.calls.values()]
    .filter(
      (call) => isUndecided(call) && (only === undefined || (call.tool_call_id === only.tool_call_id && call.attempt === only.attempt)),
    )
    .map((call) => denied(task, call, byDaemon, reason, inputs))
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
  return [
    ...blocks,
    ...denyPending(task, reason, inputs),
    ...cancelQuestions(task, reason),
    ...[...task.calls.values()].flatMap((call) => cutShort(task, call, `ended with the task: ${reason}`, inputs)),
  ]
}

/** The last event of a task. */
export function terminal(taskId: string, outcome: Outcome, receipt: Payload<'task.completed'>['receipt']): NewEvent {
  const { reason } = outcome
  switch (outcome.status) {
    case 'completed': {
      const steered = outcome.steeredInto === undefined ? {} : { steered_into: outcome.steeredInto }
      return { type: 'task.completed', task_id: taskId, payload: { reason, ...outcome.result, ...steered, receipt } }
    }
    case 'stopped':
      return { type: 'task.stopped', task_id: taskId, payload: { reason, receipt } }
    case 'failed':
      return { type: 'task.failed', task_id: taskId, payload: { reason, error: outcome.error, receipt } }
    default:
      return outcome satisfies never
  }
}

function unasked(task: TaskState, native: NativeCall, rule: string, inputs: Inputs): readonly NewEvent[] {
  const earlier = findNativeCall(task, native.id)
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

function pendingCount(state: SessionState): number {
  let count = 0
  for (const task of state.tasks.values()) for (const call of task.calls.values()) if (call.phase === 'pending') count += 1
  return count
}

/** The agent's own call ids never reach the wire as ours: a known one is replaced, an unknown one left out. */
function withDaemonCallId(task: TaskState, event: NewEvent): NewEvent {
  switch (event.type) {
    case 'file.changed':
      return event.payload.tool_call_id === undefined ? event : { ...event, payload: named(task, event.payload) }
    case 'model.output.delta':
      return event.payload.tool_call_id === undefined ? event : { ...event, payload: named(task, event.payload) }
    default:
      return event
  }
}

function named<P extends { readonly tool_call_id?: string | undefined }>(task: TaskState, { tool_call_id: native, ...payload }: P) {
  const call = native === undefined ? undefined : findNativeCall(task, native)
  return call === undefined ? payload : { ...payload, tool_call_id: call.tool_call_id }
}
