import type { AnswerRequest, Approval, CallIdentity, OpenQuestion } from '@codesdkd/protocol'
import { isApiError } from './api-error.ts'
import { createAsker, type Asker } from './asker.ts'
import type { Operations } from './operations.ts'

/** What a person says to a call: a reason reaches the model where the runtime has a channel. `null` leaves it to others. */
export type Decision =
  | { readonly decision: 'approve'; readonly remember?: 'task' | 'session' }
  | { readonly decision: 'deny'; readonly reason?: string; readonly remember?: 'task' | 'session' }
  | null

/** Decides a call. `signal` aborts when the call does not wait any more: somebody else has decided, or its task has ended. */
export type ApprovalHandler = (approval: Approval, signal: AbortSignal) => Decision | Promise<Decision>

/** Answers a question of the agent; `null` leaves it to others. `signal` as for a call. */
export type QuestionHandler = (question: OpenQuestion, signal: AbortSignal) => AnswerRequest | null | Promise<AnswerRequest | null>

/** Sends with each decision the attempt and the hash of the input that was shown: what is approved is what will run. */
export function askForDecisions(client: Pick<Operations, 'approveToolCall' | 'denyToolCall'>, handler: ApprovalHandler): Asker<Approval> {
  return createAsker<Approval>(toCallKey, async (approval, signal) => {
    const verdict = await handler(approval, signal)
    if (verdict === null || signal.aborted) return
    const { session_id, tool_call_id, attempt, input_hash } = approval
    const { decision, ...more } = verdict
    const send = decision === 'approve' ? client.approveToolCall : client.denyToolCall
    await send(session_id, tool_call_id, { attempt, input_hash, ...more }, { signal }).catch(unlessSettled)
  })
}

export function askForAnswers(client: Pick<Operations, 'answerQuestion'>, handler: QuestionHandler): Asker<OpenQuestion> {
  return createAsker<OpenQuestion>(toQuestionKey, async (question, signal) => {
    const answer = await handler(question, signal)
    if (answer === null || signal.aborted) return
    await client.answerQuestion(question.session_id, question.question_id, answer, { signal }).catch(unlessSettled)
  })
}

export function toCallKey({
  session_id,
  tool_call_id,
  attempt,
}: { readonly session_id: string } & Omit<CallIdentity, 'input_hash'>): string {
  return `${session_id} ${tool_call_id} ${attempt}`
}

export function toQuestionKey({ session_id, question_id }: { readonly session_id: string; readonly question_id: string }): string {
  return `${session_id} ${question_id}`
}

/** Somebody else was faster, or the task has ended: there is nothing left to decide. */
function unlessSettled(error: unknown): void {
  const settled = [
    'already_decided',
    'tool_call_not_pending',
    'attempt_mismatch',
    'already_answered',
    'question_not_pending',
    'session_not_found',
  ] as const
  if (!isApiError(error, ...settled)) throw error
}
