import type {
  CallIdentity,
  DecidedBy,
  NewEvent,
  PermissionMode,
  PolicySnapshot,
  TaskState,
  ToolCall,
  ToolCallState,
} from '@codesdkd/protocol'
import type { CallResult, NewId } from './ports.ts'

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

/** True while nobody has decided the call. */
export function isUndecided(call: ToolCallState): boolean {
  return call.phase === 'requested' || call.phase === 'pending'
}

export function completed(task: TaskState, call: ToolCallState, result: PreparedResult, inputs: Inputs): readonly NewEvent[] {
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

export function started(task: TaskState, call: ToolCallState): NewEvent {
  return { type: 'tool.call.started', task_id: task.task_id, payload: { ...identity(call), executed_by: 'runtime' } }
}

export function policyEvaluated(
  task: TaskState,
  call: ToolCallState,
  source: 'codesdk' | 'user',
  result: Verdict['result'],
  rule: string,
  expiresAt: string | null,
): NewEvent {
  return {
    type: 'tool.call.policy_evaluated',
    task_id: task.task_id,
    payload: { ...identity(call), source, result, rule, ...(expiresAt === null ? {} : { expires_at: expiresAt }) },
  }
}

export function approved(task: TaskState, call: ToolCallState, by: DecidedBy, rule: string, inputs: Inputs): NewEvent {
  return {
    type: 'tool.call.approved',
    task_id: task.task_id,
    payload: { ...identity(call), decided_by: by, policy_snapshot: snapshot(inputs, 'allow', rule) },
  }
}

export function denied(task: TaskState, call: ToolCallState, by: DecidedBy, reason: string, inputs: Inputs, rule = 'daemon'): NewEvent {
  return {
    type: 'tool.call.denied',
    task_id: task.task_id,
    payload: { ...identity(call), decided_by: by, reason, policy_snapshot: snapshot(inputs, 'deny', rule) },
  }
}

export function snapshot(inputs: Inputs, decision: PolicySnapshot['decision'], rule: string): PolicySnapshot {
  return { permission_mode: inputs.permissionMode, decision, sources: [rule] }
}

export function identity({ tool_call_id, attempt, input_hash }: CallIdentity): CallIdentity {
  return { tool_call_id, attempt, input_hash }
}
