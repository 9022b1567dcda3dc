import type { Answer, Decision, NativeCall, Observation, Question, TaskHost } from '../../core/task-host.ts'
import type { Wait } from '../../core/wait.ts'

/**
 * A task's host that notices when the model says nothing for too long; the agent itself waits for minutes. What runs and what
 * waits for a person has all the time it needs. Disposing it stops the clock.
 */
export class ModelWatch implements TaskHost, Disposable {
  readonly signal: AbortSignal
  readonly #host: TaskHost
  readonly #limitMs: number
  readonly #silence = new AbortController()
  readonly #running = new Set<string>()
  #waiting = 0
  #calls = 0
  #timer: NodeJS.Timeout | undefined

  constructor(host: TaskHost, limitMs: number) {
    this.#host = host
    this.#limitMs = limitMs
    this.signal = AbortSignal.any([host.signal, this.#silence.signal])
    this.#wind()
  }

  /** Whether it was the model's silence that ended the task. */
  get fellSilent(): boolean {
    return this.#silence.signal.aborted && !this.#host.signal.aborted
  }

  /** Whether the model wanted anything done. */
  get hadCalls(): boolean {
    return this.#calls > 0
  }

  observe(observations: readonly Observation[]): Wait {
    for (const observation of observations) this.#note(observation)
    const wait = this.#host.observe(observations)
    if (wait !== null) return this.#during(wait)
    this.#wind()
    return null
  }

  async ask(call: NativeCall): Promise<Decision> {
    this.#calls += 1
    return await this.#during(this.#host.ask(call))
  }

  async answer(question: Question): Promise<Answer> {
    return await this.#during(this.#host.answer(question))
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
  }

  #note(observation: Observation): void {
    if (observation.kind === 'call.unasked') this.#calls += 1
    if (observation.kind === 'call.started') this.#running.add(observation.id)
    if (observation.kind === 'call.completed') this.#running.delete(observation.id)
  }

  async #during<Result>(work: Promise<Result>): Promise<Result> {
    this.#waiting += 1
    clearTimeout(this.#timer)
    try {
      return await work
    } finally {
      this.#waiting -= 1
      this.#wind()
    }
  }

  #wind(): void {
    clearTimeout(this.#timer)
    if (this.#waiting > 0 || this.#running.size > 0) return
    this.#timer = setTimeout(() => this.#silence.abort(), this.#limitMs)
    this.#timer.unref()
  }
}
