import {
  Problem,
  type AnswerRequest,
  type NewEvent,
  type Payload,
  type PermissionMode,
  type QuestionState,
  type TaskState,
} from '@codesdkd/protocol'
import type { Question } from './task-host.ts'

/** Finds what is wrong with the content of an answer; empty when it fits. Throws for a schema that cannot be used. */
export type CheckAnswer = (schema: unknown, content: unknown) => readonly string[]

type Settlement = Omit<Payload<'question.answered'>, 'question_id'>

export interface AskOptions {
  readonly questionId: string
  readonly expiresAt: string | null
  /** Why nobody is asked; null when a person is. */
  readonly refusal: Settlement | null
}

/** The agent asks; where nobody can be asked, the same change declines. */
export function askQuestion(
  taskId: string,
  { title, schema }: Question,
  { questionId, expiresAt, refusal }: AskOptions,
): readonly NewEvent[] {
  const expiry = expiresAt === null ? {} : { expires_at: expiresAt }
  const asked: NewEvent = { type: 'question.asked', task_id: taskId, payload: { question_id: questionId, title, schema, ...expiry } }
  return refusal === null ? [asked] : [asked, settle(taskId, questionId, refusal)]
}

/** What the mode of a task says to a question: only a mode that waits for people lets it wait. */
export function refusalOf(mode: PermissionMode, escalation: 'deny' | 'ask'): Settlement | null {
  if (mode === 'ask' || escalation === 'ask') return null
  return { outcome: 'decline', answered_by: 'policy', reason: 'Nobody is there to answer in this session. Decide by yourself.' }
}

export function settle(taskId: string, questionId: string, settlement: Settlement): NewEvent {
  return { type: 'question.answered', task_id: taskId, payload: { question_id: questionId, ...settlement } }
}

/** What still waits when its task ends, or when its time is over. */
export function cancelQuestions(task: TaskState, reason: string): readonly NewEvent[] {
  return [...task.questions.keys()].map((id) => settle(task.task_id, id, { outcome: 'cancel', answered_by: 'daemon', reason }))
}

/** A person answers a question that waits. Throws `Problem` for content that does not fit its schema. */
export function answerByPerson(
  taskId: string,
  question: QuestionState,
  wish: AnswerRequest & { readonly actor?: string | null },
  check: CheckAnswer,
): NewEvent {
  const { question_id } = question
  const by = { answered_by: 'user', ...(wish.actor == null ? {} : { actor: wish.actor }) } as const
  if (wish.outcome === 'decline') {
    return settle(taskId, question_id, { outcome: 'decline', ...by, reason: wish.reason ?? 'The user declined to answer.' })
  }
  const content = wish.content ?? {}
  const faults = check(question.schema, content)
  if (faults.length === 0) return settle(taskId, question_id, { outcome: 'accept', ...by, content })
  throw new Problem('invalid_answer', `The answer does not fit the schema of the question: ${faults.join('; ')}.`, {
    members: { question_id, faults, expected: question.schema },
  })
}

/** Checks an answer to a question that is settled: the same by a person again is fine. Throws `Problem` for anything else. */
export function checkRepeated(stands: Payload<'question.answered'> | null, wish: AnswerRequest, hash: (value: unknown) => string): void {
  if (stands === null) throw new Problem('question_not_pending', 'No question with this id waits for an answer.')
  const same = stands.answered_by === 'user' && stands.outcome === wish.outcome
  if (same && (wish.outcome === 'decline' || hash(stands.content ?? {}) === hash(wish.content ?? {}))) return
  throw new Problem('already_answered', `The question was already settled by the ${stands.answered_by}: ${stands.outcome}.`, {
    members: { outcome: stands.outcome, answered_by: stands.answered_by },
  })
}
