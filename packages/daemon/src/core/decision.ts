import { Problem, type DecidedBy, type NewEvent, type Remember, type TaskState, type ToolCallState } from '@codesdkd/protocol'
import { approved, denied, isUndecided, policyEvaluated, type Inputs } from './call-events.ts'

export interface PersonDecision {
  readonly decision: 'approved' | 'denied'
  readonly attempt: number
  readonly input_hash: string
  readonly reason?: string
  /** Of a connection: for how long the decision counts. */
  readonly remember?: Remember
  /** Name of the token that it came with; null for the owner. */
  readonly actor?: string | null
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
    throw new Problem('attempt_mismatch', 'The decision names another attempt than the one that was asked.', {
      members: { expected: stands.attempt },
    })
  }
  if (wish.input_hash !== stands.input_hash) {
    throw new Problem('input_hash_mismatch', 'The decision names another input than the one that was asked.', {
      members: { expected: stands.input_hash },
    })
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
  checkRemember(call, wish)
  const ground = { by: 'user', rule: 'person', remember: wish.remember, actor: wish.actor } as const
  return [
    policyEvaluated(task, call, 'user', wish.decision === 'approved' ? 'allow' : 'deny', 'person', null),
    wish.decision === 'approved'
      ? approved(task, call, ground, inputs)
      : denied(task, call, ground, wish.reason ?? 'denied by the user', inputs),
  ]
}

/** A wish that would be forgotten is refused: whoever has it would rely on it. */
function checkRemember({ call }: ToolCallState, { remember }: PersonDecision): void {
  if (remember === undefined || call.gate === 'network') return
  throw new Problem('invalid_request', 'remember: only the decision about a connection can be remembered.', {
    members: { field: 'remember' },
  })
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
