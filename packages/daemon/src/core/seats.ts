/** A place for one live agent. Given back when the agent's processes are gone. */
export interface Seat {
  /** The agent has come up, or did not: the next one may begin to start. */
  settled(): void
  /** Offers the place: while nobody has taken the offer back, `close` may be called to make room. The result takes it back. */
  offer(close: () => void): () => void
  release(): void
}

export interface SeatLimits {
  /** Agents that may be alive at a time. */
  readonly live: number
  /** Agents that may be starting at a time: a start takes a core for seconds. */
  readonly starting: number
}

interface Waiting {
  readonly grant: () => void
}

/**
 * Bounds how many agents live, and how many start at once. Who comes first is served first; when all places are taken, the
 * agent that has been idle for longest is closed to make room.
 */
export class Seats {
  readonly #limits: SeatLimits
  readonly #waiting: Waiting[] = []
  /** Ways to close agents that rest, the longest idle first. */
  readonly #idle = new Set<() => void>()
  #live = 0
  #starting = 0
  /** Idle agents that were told to close and have not given back their place yet. */
  #leaving = 0

  constructor(limits: SeatLimits) {
    this.#limits = limits
  }

  /** Resolves when an agent may start; rejects with the signal's reason. */
  take(signal: AbortSignal): Promise<Seat> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason)
      const waiting: Waiting = {
        grant: () => {
          signal.removeEventListener('abort', withdraw)
          resolve(this.#seat())
        },
      }
      const withdraw = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1)
        reject(signal.reason)
      }
      signal.addEventListener('abort', withdraw, { once: true })
      this.#waiting.push(waiting)
      this.#serve()
    })
  }

  #serve(): void {
    while (this.#waiting.length > 0 && this.#live < this.#limits.live && this.#starting < this.#limits.starting) {
      this.#live += 1
      this.#starting += 1
      this.#waiting.shift()?.grant()
    }
    // One agent leaves for each that waits for a place; who waits only for its turn to start closes nobody.
    const free = this.#limits.live - this.#live
    for (const close of this.#idle) {
      if (this.#waiting.length - free <= this.#leaving) break
      this.#idle.delete(close)
      this.#leaving += 1
      close()
    }
  }

  #seat(): Seat {
    let settled = false
    let released = false
    let leaving = false
    const settle = () => {
      if (settled) return
      settled = true
      this.#starting -= 1
      this.#serve()
    }
    return {
      settled: settle,
      offer: (close) => {
        const offered = () => {
          leaving = true
          close()
        }
        this.#idle.add(offered)
        this.#serve()
        return () => void this.#idle.delete(offered)
      },
      release: () => {
        if (released) return
        released = true
        if (leaving) this.#leaving -= 1
        this.#live -= 1
        settle()
        this.#serve()
      },
    }
  }
}
