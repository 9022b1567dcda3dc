/** As many as there are threads for files: more would only hold descriptors while they wait. */
const LANES = 4

/** `Promise.all` of what is read of each, in that order, with few of them under way: each may hold a descriptor. */
export async function fewAtOnce<T, R>(items: readonly T[], read: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  const entries = items.entries()
  const lane = async () => {
    for (const [index, item] of entries) results[index] = await read(item)
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  return results
}
