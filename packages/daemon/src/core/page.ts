import type { Page } from './operations.ts'

/** Collects a page of what passes the filter; `next_after` only where something may follow. */
export function page<T>(limit: number, idOf: (item: T) => string, read: (after: string | null, count: number) => readonly T[], after: string | null, keep: (item: T) => boolean = () => true): Page<T> {
  const items: T[] = []
  for (let cursor = after; ;) {
    const rows = read(cursor, limit + 1)
    for (const row of rows) {
      if (!keep(row)) continue
      if (items.length === limit) return { items, next_after: idOf(items[items.length - 1] as T) }
      items.push(row)
    }
    if (rows.length <= limit) return { items, next_after: null }
    cursor = idOf(rows[rows.length - 1] as T)
  }
}
