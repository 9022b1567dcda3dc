export interface AtMost {
  /** Runs the work as soon as there is a place for it, in order of arrival; holds the place until it has settled. */
  run<Result>(work: () => Promise<Result>): Promise<Result>
  /** Resolves when there is a place; null where there is one. */
  room(): Promise<void> | null
}

/** So many works at a time. */
export function createAtMost(limit: number): AtMost {
  const waiting: (() => void)[] = []
  const inTheWay: (() => void)[] = []
  let running = 0

  const leave = (): void => {
    const next = waiting.shift()
    if (next !== undefined) return next()
    running -= 1
    for (const hear of inTheWay.splice(0)) hear()
  }

  return {
    async run(work) {
      if (running < limit) running += 1
      else await new Promise<void>((resolve) => waiting.push(resolve))
      try {
        return await work()
      } finally {
        leave()
      }
    },
    room: () => (running < limit ? null : new Promise((resolve) => inTheWay.push(resolve))),
  }
}
