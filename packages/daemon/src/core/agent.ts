import { type AttendedTask } from './enclosure.ts'
import { RuntimeFailure, type AgentEnv, type Runtime, type RuntimeSession, type SessionSpec } from './ports.ts'
import type { ProcessTree } from './process-tree.ts'
import type { Seat, Seats } from './seats.ts'

export interface AgentOptions {
  readonly runtime: Runtime | null
  /** The environment is made anew for each start, so that a changed login is seen. Rejects with `RuntimeFailure` when there may be no agent. */
  readonly environment: (runtime: Runtime) => Promise<AgentEnv>
  /** Milliseconds without a task after which the agent's process is closed. */
  readonly idleTimeoutMs: number
  /** Places for live agents: who finds none waits for one. */
  readonly seats: Seats
  /** Told whenever the number of live agents may have changed. */
  readonly onChange: () => void
}

interface OpenOptions {
  readonly spec: SessionSpec
  readonly task: AttendedTask
  readonly signal: AbortSignal
}

/**
 * The agent of one session: opened by the first task, kept between tasks, closed when idle, opened again (with the
 * agent's own memory of the conversation) when a task needs it. At most one process group at a time.
 */
export class Agent implements AsyncDisposable {
  readonly #options: AgentOptions
  #live: RuntimeSession | null = null
  #enclosure: AgentEnv['enclosure'] | null = null
  #seat: Seat | null = null
  /** Model and tools that the live agent was opened with, as JSON. */
  #parts = ''
  #takeBack: (() => void) | null = null
  #idle: NodeJS.Timeout | undefined
  #closing: Promise<void> = Promise.resolve()
  #ending = false

  constructor(options: AgentOptions) {
    this.#options = options
  }

  /** Also true while it ends: until its process group is gone, somebody has to wait for it. */
  get live(): boolean {
    return this.#live !== null || this.#ending
  }

  /**
   * The running agent, or a new one where there is none or it has another model, which works on this task from now on. `opened` tells which. Rejects with `RuntimeFailure`, or with
   * the signal's reason.
   */
  async acquire(spec: SessionSpec, task: AttendedTask, signal: AbortSignal): Promise<{ agent: RuntimeSession; opened: boolean }> {
    this.#wake()
    await this.#closing
    const parts = JSON.stringify([spec.model, spec.tools])
    // Not every agent can be given another model, or hears that the tools of a server have changed.
    if (this.#live !== null && (!this.#live.alive || parts !== this.#parts)) await this.close()
    if (this.#live !== null) {
      this.#enclosure?.attend(task)
      return { agent: this.#live, opened: false }
    }
    const { runtime } = this.#options
    if (runtime === null)
      throw new RuntimeFailure({
        code: 'agent_not_installed',
        message: 'This daemon does not offer the runtime of the session.',
        retryable: false,
      })
    const agent = await this.#open(runtime, { spec, task, signal })
    this.#live = agent
    this.#parts = parts
    this.#options.onChange()
    return { agent, opened: true }
  }

  async #open(runtime: Runtime, { spec, task, signal }: OpenOptions): Promise<RuntimeSession> {
    const seat = await this.#options.seats.take(signal)
    await using stack = new AsyncDisposableStack()
    stack.defer(() => seat.release())
    const environment = await this.#options.environment(runtime)
    stack.use(environment.enclosure)
    // What an agent starts while it comes up may need the way outside as well.
    environment.enclosure.attend(task)
    signal.throwIfAborted()
    const agent = await runtime.open(spec, environment, signal)
    seat.settled()
    stack.move()
    this.#seat = seat
    this.#enclosure = environment.enclosure
    return agent
  }

  /** It works, or ends: nobody may close it for being idle. */
  #wake(): void {
    clearTimeout(this.#idle)
    this.#takeBack?.()
    this.#takeBack = null
  }

  /** The task is over: a dead agent is cleared away, a living one may rest for a while. */
  release(): void {
    this.#wake()
    this.#enclosure?.attend(null)
    if (this.#live === null) return
    if (!this.#live.alive) {
      void this.close()
      return
    }
    this.#idle = setTimeout(() => void this.close(), this.#options.idleTimeoutMs)
    this.#idle.unref()
    this.#takeBack = this.#seat?.offer(() => void this.close()) ?? null
  }

  /** What of the agent runs at this moment; null where there is none, or the machine does not tell. */
  async processes(): Promise<ProcessTree | null> {
    return (await this.#live?.processes?.()) ?? null
  }

  /** Ends the agent's process group; resolves when it is gone. Idempotent. */
  close(): Promise<void> {
    this.#wake()
    const agent = this.#live
    const enclosure = this.#enclosure
    const seat = this.#seat
    this.#live = null
    this.#enclosure = null
    this.#seat = null
    if (agent !== null) {
      this.#ending = true
      this.#closing = dispose(agent, enclosure).finally(() => {
        this.#ending = false
        seat?.release()
        this.#options.onChange()
      })
    }
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** Who fails while ending has ended all the same. What stands around an agent ends after it. */
async function dispose(...parts: readonly (AsyncDisposable | null)[]): Promise<void> {
  for (const part of parts) {
    try {
      await part?.[Symbol.asyncDispose]()
    } catch {}
  }
}
