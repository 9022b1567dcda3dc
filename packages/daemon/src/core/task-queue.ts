import type { CreateTask, Message } from '@codesdkd/protocol'
import type { Joined } from './joined.ts'
import type { Slots } from './slots.ts'
import type { Tool } from './tools.ts'

/** A task that is accepted and has not begun. */
export interface Queued {
  readonly taskId: string
  readonly messages: readonly Message[]
  readonly request: CreateTask
  readonly tools: readonly Tool[]
  /** Set while its messages may join the task that runs. */
  joined?: Joined
}

export interface TaskQueueOptions {
  readonly slots: Slots
  /** Whether a task runs in the session. */
  readonly running: () => boolean
  /** Begins a task; `release` gives its slot back. */
  readonly start: (queued: Queued, release: () => void) => void
}

/** The tasks of one session that wait, oldest first: for the one before them, and for room in the daemon. */
export class TaskQueue {
  readonly #options: TaskQueueOptions
  readonly #queue: Queued[] = []
  #withdraw: (() => void) | null = null

  constructor(options: TaskQueueOptions) {
    this.#options = options
  }

  get length(): number {
    return this.#queue.length
  }

  /** The slot for a task that may begin at once; null where it has to wait. */
  tryTake(): (() => void) | null {
    return !this.#options.running() && this.#queue.length === 0 ? this.#options.slots.tryTake() : null
  }

  find(taskId: string): Queued | undefined {
    return this.#queue.find((queued) => queued.taskId === taskId)
  }

  /** To be followed by `next`. */
  push(queued: Queued): void {
    this.#queue.push(queued)
  }

  /** False when it does not wait. */
  remove(taskId: string): boolean {
    const at = this.#queue.findIndex((queued) => queued.taskId === taskId)
    if (at >= 0) this.#queue.splice(at, 1)
    return at >= 0
  }

  /** Takes all of them out; nothing waits for room any more. */
  clear(): readonly Queued[] {
    this.#withdraw?.()
    return this.#queue.splice(0)
  }

  /** Starts the oldest when the session and the daemon have room for it. */
  next(): void {
    const { slots, running, start } = this.#options
    const [queued] = this.#queue
    if (queued === undefined || running()) return
    const slot = slots.tryTake()
    if (slot === null) {
      this.#withdraw ??= slots.whenFree(() => {
        this.#withdraw = null
        this.next()
      })
      return
    }
    this.#queue.shift()
    start(queued, slot)
  }
}
