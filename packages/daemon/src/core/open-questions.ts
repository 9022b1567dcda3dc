import type { PermissionMode, TaskState } from '@codesdkd/protocol'
import { PREVIEW_LIMIT } from './bounds.ts'
import { openTask, PENDING_LIMIT } from './decide.ts'
import type { Draft, Journal } from './journal.ts'
import type { Clock, NewId } from './ports.ts'
import type { Answer, Question } from './task-host.ts'
import { askQuestion, refusalOf, settle, type AskOptions, type CheckAnswer } from './question.ts'

export interface OpenQuestionsOptions {
  readonly journal: Journal
  readonly taskId: string
  readonly permissionMode: PermissionMode
  readonly clock: Clock
  readonly newId: NewId
  /** Milliseconds that a question waits; null: for ever. */
  readonly timeoutMs: number | null
  readonly checkAnswer: CheckAnswer
  /** Commits, and lets what waits look again. */
  readonly record: (drafts: readonly Draft[]) => Promise<void>
}

interface Waiting {
  readonly resolve: (answer: Answer) => void
  readonly timer: NodeJS.Timeout | undefined
  /** What the person said, as she said it: the log may hold it masked. */
  content?: Readonly<Record<string, unknown>>
}

/** Questions of the agent of one task, while they wait for their answers. */
export class OpenQuestions {
  readonly #options: OpenQuestionsOptions
  readonly #waiting = new Map<string, Waiting>()

  constructor(options: OpenQuestionsOptions) {
    this.#options = options
  }

  /** Asks, and resolves when the answer is on disk. Never rejects. */
  ask(question: Question): Promise<Answer> {
    const { journal, taskId, clock, newId, timeoutMs, record } = this.#options
    if (openTask(journal.state, taskId) === undefined) return Promise.resolve({ outcome: 'cancel', reason: 'the task is ending' })
    const usable = this.#isUsable(question)
    const refusal = this.#refusal(usable)
    // What cannot be used may be of any size.
    const shown = { title: question.title.slice(0, PREVIEW_LIMIT), schema: usable ? question.schema : {} }
    const limit = refusal === null ? timeoutMs : null
    const expiresAt = limit === null ? null : new Date(Date.parse(clock.now()) + limit).toISOString()
    const questionId = newId()
    return new Promise((resolve) => {
      const timer = limit === null ? undefined : setTimeout(() => this.#expire(questionId), limit)
      this.#waiting.set(questionId, { resolve, timer })
      void record(askQuestion(taskId, shown, { questionId, expiresAt, refusal }))
    })
  }

  /** Remembers what the person said until her answer is committed. */
  provide(questionId: string, content: Readonly<Record<string, unknown>>): void {
    const waiting = this.#waiting.get(questionId)
    if (waiting !== undefined) waiting.content = content
  }

  /** Lets what is answered go on. Looks at nothing that is not committed. */
  settle(task: TaskState | undefined): void {
    for (const [id, { resolve, timer, content }] of this.#waiting) {
      const answer = task?.answers.get(id)
      if (answer === undefined && task !== undefined) continue
      this.#waiting.delete(id)
      clearTimeout(timer)
      const reason = answer?.reason ?? 'the task has ended'
      if (answer?.outcome === 'accept') resolve({ outcome: 'accept', content: content ?? answer.content ?? {} })
      else resolve({ outcome: answer?.outcome === 'decline' ? 'decline' : 'cancel', reason })
    }
  }

  #refusal(usable: boolean): AskOptions['refusal'] {
    const { journal, permissionMode } = this.#options
    const byMode = refusalOf(permissionMode, journal.record.escalation)
    if (byMode !== null) return byMode
    const waiting = [...journal.state.tasks.values()].reduce((sum, { questions }) => sum + questions.size, 0)
    if (waiting >= PENDING_LIMIT) return { outcome: 'decline', answered_by: 'daemon', reason: 'too_many_pending' }
    return usable ? null : { outcome: 'decline', answered_by: 'daemon', reason: 'The schema of the question cannot be used.' }
  }

  #isUsable({ schema }: Question): boolean {
    try {
      this.#options.checkAnswer(schema, {})
      return true
    } catch {
      return false
    }
  }

  #expire(questionId: string): void {
    const { journal, taskId, record } = this.#options
    if (openTask(journal.state, taskId)?.questions.has(questionId) !== true) return
    void record([settle(taskId, questionId, { outcome: 'decline', answered_by: 'daemon', reason: 'approval_timeout' })])
  }
}
