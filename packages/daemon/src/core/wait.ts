/**
 * What there is to wait for; null where that is nothing. Most of what an agent says is taken at once, and a promise for each line would
 * cost more than the line.
 */
export type Wait = Promise<void> | null

/** Goes on after the wait; at once where there is none. */
export function andThen(wait: Wait, next: () => Wait): Wait {
  return wait === null ? next() : later(wait, next)
}

async function later(wait: Promise<void>, next: () => Wait): Promise<void> {
  await wait
  await next()
}

/** Takes one after the other; what there is to wait for keeps those behind it waiting. */
export function inOrder<Item>(items: readonly Item[], take: (item: Item) => Wait): Wait {
  for (const [index, item] of items.entries()) {
    const wait = take(item)
    if (wait !== null) return andThen(wait, () => inOrder(items.slice(index + 1), take))
  }
  return null
}
