import type {
  CallIdentity,
  DecidedBy,
  NewEvent,
  PermissionMode,
  PolicySnapshot,
  Remember,
  TaskState,
  ToolCall,
  ToolCallState,
  ConfinementDenial,
} from '@codesdkd/protocol'
import type { NewId } from './ports.ts'
import type { CallResult } from './task-host.ts'
import { mergeDenials, type Refusals } from './refusals.ts'

/** What the daemon itself contributes to a decision; parameters, so that `decide` stays pure. */
export interface Inputs {
  readonly newId: NewId
  readonly inputHash: (call: ToolCall) => string
  /** Canonical hash of any JSON value. */
  readonly contentHash: (value: unknown) => string
  readonly permissionMode: PermissionMode
  /** The agent runs behind the wall. */
  readonly walled: boolean
  readonly refusals: Refusals
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
  /** What the output says of files that could not be written; it counts only behind the wall. */
  readonly fileDenials?: readonly ConfinementDenial[]
}

/** True while nobody has decided the call. */
export function isUndecided(call: ToolCallState): boolean {
  return call.phase === 'requested' || call.phase === 'pending'
}

export function completed(task: TaskState, call: ToolCallState, result: PreparedResult, inputs: Inputs): readonly NewEvent[] {
  const output: NewEvent = {
    type: 'tool.output.completed',
    task_id: task.task_id,
    payload: { ...identity(call), result_preview: result.preview, ...toReference(result), truncated: result.truncated },
  }
  return [output, end(task, call, result, inputs)]
}

/** The end alone: of a call that had no output because nobody saw it begin. */
export function end(task: TaskState, call: ToolCallState, result: PreparedResult, inputs: Inputs): NewEvent {
  const denials = mergeDenials(inputs.refusals.of(call), inputs.walled && mayBeDenied(call, result) ? (result.fileDenials ?? []) : [])
  return {
    type: 'tool.call.completed',
    task_id: task.task_id,
    payload: {
      ...identity(call),
      name: call.call.name,
      executed_by: call.call.executed_by ?? 'runtime',
      // What an agent says of itself is about a sandbox of its own; what others run is not in the agent's.
      execution_env: inputs.walled && call.call.executed_by === undefined ? 'sandbox' : result.executionEnv,
      policy_snapshot: call.snapshot ?? snapshot(inputs, 'allow', 'unknown'),
      result_preview: result.preview,
      ...toReference(result),
      is_error: result.isError,
      ...(result.exitCode === undefined ? {} : { exit_code: toExitCode(result.exitCode) }),
      duration_ms: result.durationMs,
      ...(denials.length === 0 ? {} : { confinement_denials: [...denials] }),
    },
  }
}

const toReference = ({ ref }: PreparedResult) => (ref === undefined ? {} : { result_ref: ref })

/** What a call reads may say anything, and so may the file that a successful edit shows. */
function mayBeDenied({ call: { kind, executed_by } }: ToolCallState, { isError }: PreparedResult): boolean {
  if (executed_by !== undefined) return false
  switch (kind) {
    case 'execute':
      return true
    case 'edit':
    case 'delete':
    case 'move':
    case 'other':
      return isError
    case 'read':
    case 'search':
    case 'think':
    case 'fetch':
      return false
    default:
      return kind satisfies never
  }
}

/** Agents tell exit codes as text or as any number; what no program ends with is not known. */
function toExitCode(told: number | null): number | null {
  return Number.isSafeInteger(told) ? told : null
}

export function started(task: TaskState, call: ToolCallState): NewEvent {
  return {
    type: 'tool.call.started',
    task_id: task.task_id,
    payload: { ...identity(call), executed_by: call.call.executed_by ?? 'runtime' },
  }
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

/** Who decided by which rule, and for how long a person wants it to count. */
export interface Ground {
  readonly by: DecidedBy
  readonly rule: string
  readonly remember?: Remember | undefined
  /** Name of the token that a person decided with; null for the owner. */
  readonly actor?: string | null | undefined
}

export function approved(task: TaskState, call: ToolCallState, { by, rule, remember, actor }: Ground, inputs: Inputs): NewEvent {
  return {
    type: 'tool.call.approved',
    task_id: task.task_id,
    payload: {
      ...identity(call),
      decided_by: by,
      policy_snapshot: snapshot(inputs, 'allow', rule),
      ...(remember === undefined ? {} : { remember }),
      ...(actor == null ? {} : { actor }),
    },
  }
}

export function denied(
  task: TaskState,
  call: ToolCallState,
  { by, rule, remember, actor }: Ground,
  reason: string,
  inputs: Inputs,
): NewEvent {
  return {
    type: 'tool.call.denied',
    task_id: task.task_id,
    payload: {
      ...identity(call),
      decided_by: by,
      reason,
      policy_snapshot: snapshot(inputs, 'deny', rule),
      ...(remember === undefined ? {} : { remember }),
      ...(actor == null ? {} : { actor }),
    },
  }
}

/** The daemon itself: a stop, a time limit, a restart. */
export const byDaemon: Ground = { by: 'daemon', rule: 'daemon' }

export function snapshot(inputs: Inputs, decision: PolicySnapshot['decision'], rule: string): PolicySnapshot {
  return { permission_mode: inputs.permissionMode, decision, sources: [rule] }
}

export function identity({ tool_call_id, attempt, input_hash }: CallIdentity): CallIdentity {
  return { tool_call_id, attempt, input_hash }
}
