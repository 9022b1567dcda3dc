/** Gathers what comes within some milliseconds, and gives it away together; what comes meanwhile waits for the next time. */
export function createGathering<T>(milliseconds: number, give: (all: ReadonlySet<T>) => Promise<void>): { add(one: T): void } {
  let gathered = new Set<T>()
  let busy = false
  const run = async () => {
    const all = gathered
    gathered = new Set()
    // What failed is told again by the stream, or read anew when it is back.
    await give(all).catch(() => undefined)
    busy = gathered.size > 0
    if (busy) setTimeout(run, milliseconds)
  }
  return {
    add(one) {
      gathered.add(one)
      if (busy) return
      busy = true
      setTimeout(run, milliseconds)
    },
  }
}
