interface Waiter {
  readonly after: number
  readonly resolve: () => void
  readonly reject: (reason: unknown) => void
}

/** Who waits for a number to grow, by key. Holds nothing of a waiter that was woken or gave up. */
export class Waiters<K> {
  readonly #waiting = new Map<K, Set<Waiter>>()

  /** Resolves when `key` is woken with a number above `after`. Rejects with the signal's reason, or that of `rejectAll`. */
  wait(key: K, after: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason)
    return new Promise((resolve, reject) => {
      const waiters = this.#waiting.get(key) ?? new Set()
      this.#waiting.set(key, waiters)
      const end = (settle: () => void): void => {
        signal.removeEventListener('abort', aborted)
        waiters.delete(waiter)
        if (waiters.size === 0) this.#waiting.delete(key)
        settle()
      }
      const aborted = (): void => end(() => reject(signal.reason))
      const waiter: Waiter = { after, resolve: () => end(resolve), reject: (reason) => end(() => reject(reason)) }
      waiters.add(waiter)
      signal.addEventListener('abort', aborted)
    })
  }

  wake(key: K, reached: number): void {
    for (const waiter of this.#waiting.get(key) ?? []) if (waiter.after < reached) waiter.resolve()
  }

  rejectAll(reason: unknown): void {
    for (const waiters of this.#waiting.values()) for (const waiter of waiters) waiter.reject(reason)
  }

  /** How many wait. */
  get size(): number {
    let size = 0
    for (const waiters of this.#waiting.values()) size += waiters.size
    return size
  }
}
