import type { Message } from '@codesdkd/protocol'
import { withAttachments } from './attachments.ts'
import type { Inputs } from './call-events.ts'
import type { Journal } from './journal.ts'
import type { ArtifactStore, RuntimeSession } from './ports.ts'
import { endOf } from './task-end.ts'

export interface SteeringOptions {
  readonly journal: Journal
  readonly artifacts: ArtifactStore
  readonly inputs: Inputs
  /** Of the task that runs. */
  readonly taskId: string
  /** Aborted when that is to stop. */
  readonly signal: AbortSignal
}

/** A task that waits, and whose messages are to join the one that runs. */
export interface Joining {
  readonly taskId: string
  readonly messages: readonly Message[]
  /** Aborted when it is not to join any more. What is on its way to the agent by then joins all the same. */
  readonly signal: AbortSignal
  /** The agent has the messages: the task must not run by itself any more. */
  readonly taken: () => void
}

/** The way of further messages into the turn that runs. */
export class Steering {
  readonly #options: SteeringOptions
  readonly #begun = Promise.withResolvers<RuntimeSession | null>()
  readonly #underWay = new Set<Promise<boolean>>()
  #closed = false

  constructor(options: SteeringOptions) {
    this.#options = options
  }

  /** The agent is about to work on the task. */
  begin(agent: RuntimeSession): void {
    this.#begun.resolve(agent)
  }

  /** Resolves after the commit to true when the messages have joined; to false when the agent has not seen them and never will this way. Never rejects. */
  join(joining: Joining): Promise<boolean> {
    const joined = this.#join(joining)
    this.#underWay.add(joined)
    const forget = () => void this.#underWay.delete(joined)
    joined.then(forget, forget)
    return joined
  }

  /** The turn has ended. Resolves when nothing is on its way any more: the end of the task may be told. */
  async close(): Promise<void> {
    this.#closed = true
    this.#begun.resolve(null)
    await Promise.all(this.#underWay)
  }

  async #join({ taskId, messages, signal: asked, taken }: Joining): Promise<boolean> {
    const signal = AbortSignal.any([asked, this.#options.signal])
    const agent = await Promise.race([this.#begun.promise, untilAborted(signal)])
    if (agent?.steer === undefined) return false
    const given = await withAttachments(messages, this.#options.artifacts)
    if (this.#closed || signal.aborted || !(await agent.steer(given))) return false
    taken()
    await this.#tell(taskId, messages)
    return true
  }

  /** One atomic change: what the agent was given, and the end of the task that brought it. */
  async #tell(steered_by: string, messages: readonly Message[]): Promise<void> {
    const { journal, inputs, taskId } = this.#options
    await journal.commit(
      [
        { type: 'task.steered', task_id: taskId, payload: { messages: [...messages], steered_by } },
        ...endOf(journal, steered_by, { status: 'completed', reason: 'steered', steeredInto: taskId }, { texts: new Map() }, inputs),
      ],
      { durability: 'synced' },
    )
  }
}

function untilAborted(signal: AbortSignal): Promise<null> {
  if (signal.aborted) return Promise.resolve(null)
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(null), { once: true }))
}
