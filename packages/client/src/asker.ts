/** Puts things that wait for an answer to whoever answers: each once, all at a time. */
export interface Asker<Item> {
  ask(item: Item): void
  /** It waits no more: its signal aborts. */
  settle(key: string): void
  /** What is not among these waits no more. */
  keep(items: readonly Item[]): void
  /** Aborts all that is open. */
  close(): void
  /** Rejects with the first failure of an answer; never resolves. */
  readonly failed: Promise<never>
}

export function createAsker<Item>(keyOf: (item: Item) => string, answer: (item: Item, signal: AbortSignal) => Promise<void>): Asker<Item> {
  const open = new Map<string, AbortController>()
  const { promise: failed, reject } = Promise.withResolvers<never>()
  // Whoever waits hears of it; a failure after everybody has gone is nobody's.
  failed.catch(() => undefined)

  function settle(key: string): void {
    open.get(key)?.abort()
    open.delete(key)
  }

  return {
    failed,
    settle,
    ask(item) {
      const key = keyOf(item)
      if (open.has(key)) return
      const controller = new AbortController()
      open.set(key, controller)
      answer(item, controller.signal).catch((error: unknown) => {
        // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- whatever the answering code threw
        if (!controller.signal.aborted) reject(error)
      })
    },
    keep(items) {
      const keys = new Set(items.map(keyOf))
      for (const key of open.keys()) if (!keys.has(key)) settle(key)
    },
    close() {
      for (const key of open.keys()) settle(key)
    },
  }
}
