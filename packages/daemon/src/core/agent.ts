import { RuntimeFailure, type Runtime, type RuntimeEnv, type RuntimeSession, type SessionSpec } from './ports.ts'
import type { Seat, Seats } from './seats.ts'

export interface AgentOptions {
  readonly runtime: Runtime | null
  /** The environment is made anew for each start, so that a changed login is seen. */
  readonly environment: (runtime: Runtime) => Promise<RuntimeEnv>
  /** Milliseconds without a task after which the agent's process is closed. */
  readonly idleTimeoutMs: number
  /** Places for live agents: who finds none waits for one. */
  readonly seats: Seats
  /** Told whenever the number of live agents may have changed. */
  readonly onChange: () => void
}

/**
 * The agent of one session: opened by the first task, kept between tasks, closed when idle, opened again (with the
 * agent's own memory of the conversation) when a task needs it. At most one process group at a time.
 */
export class Agent implements AsyncDisposable {
  readonly #options: AgentOptions
  #live: RuntimeSession | null = null
  #seat: Seat | null = null
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

  /** The running agent, or a new one. `opened` tells which. Rejects with `RuntimeFailure`, or with the signal's reason. */
  async acquire(spec: SessionSpec, signal: AbortSignal): Promise<{ agent: RuntimeSession; opened: boolean }> {
    this.#wake()
    await this.#closing
    if (this.#live !== null && !this.#live.alive) await this.close()
    if (this.#live !== null) return { agent: this.#live, opened: false }
    const { runtime } = this.#options
    if (runtime === null)
      throw new RuntimeFailure({
        code: 'agent_not_installed',
        message: 'This daemon does not offer the runtime of the session.',
        retryable: false,
      })
    const agent = await this.#open(runtime, spec, signal)
    this.#live = agent
    this.#options.onChange()
    return { agent, opened: true }
  }

  async #open(runtime: Runtime, spec: SessionSpec, signal: AbortSignal): Promise<RuntimeSession> {
    const seat = await this.#options.seats.take(signal)
    try {
      const environment = await this.#options.environment(runtime)
      signal.throwIfAborted()
      const agent = await runtime.open(spec, environment, signal)
      seat.settled()
      this.#seat = seat
      return agent
    } catch (error) {
      seat.release()
      throw error
    }
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
    if (this.#live === null) return
    if (!this.#live.alive) {
      void this.close()
      return
    }
    this.#idle = setTimeout(() => void this.close(), this.#options.idleTimeoutMs)
    this.#idle.unref()
    this.#takeBack = this.#seat?.offer(() => void this.close()) ?? null
  }

  /** Ends the agent's process group; resolves when it is gone. Idempotent. */
  close(): Promise<void> {
    this.#wake()
    const agent = this.#live
    const seat = this.#seat
    this.#live = null
    this.#seat = null
    if (agent !== null) {
      this.#ending = true
      this.#closing = dispose(agent).finally(() => {
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

/** An agent that fails while it ends has ended all the same. */
async function dispose(agent: RuntimeSession): Promise<void> {
  try {
    await agent[Symbol.asyncDispose]()
  } catch {}
}
