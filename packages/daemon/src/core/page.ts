import type { Page, PageRequest } from './operations.ts'
import { unknownCursor } from './unknown.ts'

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

/** A page of what waits for a person, oldest first. */
export function toWaitingPage<T extends { readonly asked_at: string }>(
  waiting: readonly T[],
  { after, limit }: PageRequest,
  what: string,
  idOf: (item: T) => string,
): Page<T> {
  const all = waiting.toSorted((a, b) => (a.asked_at < b.asked_at ? -1 : a.asked_at > b.asked_at ? 1 : idOf(a) < idOf(b) ? -1 : 1))
  const from = after === null ? 0 : all.findIndex((one) => idOf(one) === after) + 1
  if (after !== null && from === 0) throw unknownCursor(what, after)
  const items = all.slice(from, from + limit)
  const last = items.at(-1)
  return { items, next_after: from + limit < all.length && last !== undefined ? idOf(last) : null }
}
