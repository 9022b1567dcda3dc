import type { Answer, Decision, NativeCall, Observation, Question, TaskHost } from '../../core/task-host.ts'
import type { ConversationRecord } from './record.ts'
import { event } from '../observation.ts'

/** A task's host that also hears what the agent only writes down: todo lists, and the tokens of each call of the model. */
export class RecordTeller implements TaskHost {
  readonly #host: TaskHost
  readonly #record: ConversationRecord
  /** Calls whose list was told. */
  readonly #plans = new Set<string>()
  #told = false

  constructor(host: TaskHost, record: ConversationRecord) {
    this.#host = host
    this.#record = record
  }

  get signal(): AbortSignal {
    return this.#host.signal
  }

  async observe(observations: readonly Observation[]): Promise<void> {
    if (observations.some(({ kind }) => kind !== 'event') || observations.some(isTaskUsage)) await this.tell()
    // The sum that the agent tells has less in it than the parts.
    await this.#host.observe(this.#told ? observations.filter((seen) => !isTaskUsage(seen)) : observations)
  }

  async ask(call: NativeCall): Promise<Decision> {
    await this.tell()
    return await this.#host.ask(call)
  }

  answer(question: Question): Promise<Answer> {
    return this.#host.answer(question)
  }

  /** Tells what was written meanwhile. The agent writes a list down when it has told that it is there. */
  async tell(): Promise<void> {
    const { plans, usages } = await this.#record.read()
    if (usages.length > 0) this.#told = true
    const lists = [...plans].flatMap(([id, entries]) => (this.#plans.has(id) ? [] : [entries]))
    for (const id of plans.keys()) this.#plans.add(id)
    const events = [
      ...usages.map((usage) => event({ type: 'usage.reported', payload: { scope: 'call', ...usage } })),
      ...lists.map((entries) => event({ type: 'plan.updated', payload: { entries } })),
    ]
    if (events.length > 0) await this.#host.observe(events)
  }
}

function isTaskUsage(seen: Observation): boolean {
  return seen.kind === 'event' && seen.event.type === 'usage.reported' && seen.event.payload.scope === 'task'
}
