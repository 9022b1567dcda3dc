/**
 * What there is to wait for; null where that is nothing. Most of what an agent says is taken at once, and a promise for each line would
 * cost more than the line.
 */
export type Wait = Promise<void> | null

/** Goes on after the wait; at once where there is none. */
export function andThen(wait: Wait, next: () => Wait): Wait {
  return wait === null ? next() : wait.then(() => next() ?? undefined)
}
