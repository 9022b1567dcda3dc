import {
  findCall,
  pendingCalls,
  pendingQuestions,
  Problem,
  type AnswerRequest,
  type Approval,
  type OpenQuestion,
  type TaskState,
} from '@codesdkd/protocol'
import type { Inputs } from './call-events.ts'
import { decideByPerson } from './decision.ts'
import type { Journal } from './journal.ts'
import type { DecisionRequest } from './operations.ts'
import { answerByPerson, checkRepeated, type CheckAnswer } from './question.ts'
import type { Turn } from './turn.ts'

export interface InboxOptions {
  readonly journal: Journal
  /** Of the task that runs. */
  readonly inputs: () => Inputs
  readonly checkAnswer: CheckAnswer
  /** The turn that runs: whoever waits in it hears of what is decided here. */
  readonly turn: () => Turn | null
}

/** What of one session waits for a person, and the person's word on it. Only open tasks have anything here. */
export class Inbox {
  readonly #options: InboxOptions

  constructor(options: InboxOptions) {
    this.#options = options
  }

  get approvals(): readonly Approval[] {
    const { record, shown } = this.#options.journal
    return pendingCalls(shown).map(({ task, call }) => ({
      tool_call_id: call.tool_call_id,
      attempt: call.attempt,
      input_hash: call.input_hash,
      session_id: record.sessionId,
      task_id: task.task_id,
      runtime: record.runtime,
      ...call.call,
      asked_at: call.requested_at,
      expires_at: call.expires_at,
    }))
  }

  get questions(): readonly OpenQuestion[] {
    const { record, shown } = this.#options.journal
    const { sessionId: session_id, runtime } = record
    return pendingQuestions(shown).map(({ task, question }) => ({ ...question, session_id, task_id: task.task_id, runtime }))
  }

  hasCall(toolCallId: string): boolean {
    return this.#taskOf(toolCallId) !== undefined
  }

  hasQuestion(questionId: string): boolean {
    return this.#taskAsking(questionId) !== undefined
  }

  /** One conditional write, first writer wins; resolves after the decision is on disk. Throws the problems of the contract. */
  async decide(
    toolCallId: string,
    wish: DecisionRequest,
    requestId: string,
    actor: string | null = null,
  ): Promise<{ decision: 'approved' | 'denied' }> {
    const { journal, turn } = this.#options
    const inputs = this.#options.inputs()
    const task = this.#taskOf(toolCallId)
    const call = task === undefined ? undefined : findCall(task, toolCallId)
    if (task === undefined || call === undefined) throw new Problem('tool_call_not_pending', 'No call with this id waits for a decision.')
    await journal.commit(decideByPerson(task, call, { ...wish, actor }, inputs), { durability: 'synced', requestId })
    turn()?.settle()
    return { decision: wish.decision }
  }

  /** First writer wins; resolves after the answer is on disk. Throws the problems of the contract. */
  async answer(questionId: string, wish: AnswerRequest, requestId: string, actor: string | null = null): Promise<void> {
    const { journal, checkAnswer, turn } = this.#options
    const task = this.#taskAsking(questionId)
    const question = task?.questions.get(questionId)
    if (task === undefined || question === undefined) {
      checkRepeated(task?.answers.get(questionId) ?? null, wish, this.#options.inputs().contentHash)
      // What stands may not be on disk yet.
      await journal.flushed
      return
    }
    const committed = journal.commit([answerByPerson(task.task_id, question, { ...wish, actor }, checkAnswer)], {
      durability: 'synced',
      requestId,
    })
    turn()?.provide(questionId, wish.content ?? {})
    await committed
    turn()?.settle()
  }

  #taskOf(toolCallId: string): TaskState | undefined {
    return [...this.#options.journal.state.tasks.values()].find((task) => findCall(task, toolCallId) !== undefined)
  }

  #taskAsking(questionId: string): TaskState | undefined {
    return [...this.#options.journal.state.tasks.values()].find(
      ({ questions, answers }) => questions.has(questionId) || answers.has(questionId),
    )
  }
}
