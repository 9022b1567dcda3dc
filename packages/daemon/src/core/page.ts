import type { Page } from './operations.ts'

export interface PageOptions<T> {
  readonly limit: number
  readonly after: string | null
  readonly idOf: (item: T) => string
  /** At most `count` items that follow `after`, in order. */
  readonly read: (after: string | null, count: number) => readonly T[]
  readonly keep?: (item: T) => boolean
}

/** Collects a page of what passes the filter; `next_after` only where something may follow. */
export function toPage<T>({ limit, after, idOf, read, keep = () => true }: PageOptions<T>): Page<T> {
  const items: T[] = []
  let cursor = after
  for (;;) {
    const rows = read(cursor, limit + 1)
    for (const row of rows) {
      if (!keep(row)) continue
      const last = items.at(-1)
      if (items.length === limit && last !== undefined) return { items, next_after: idOf(last) }
      items.push(row)
    }
    const end = rows.at(-1)
    if (rows.length <= limit || end === undefined) return { items, next_after: null }
    cursor = idOf(end)
  }
}
