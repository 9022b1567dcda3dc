import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Frames, PendingEvent, StoredEvent } from '../core/ports.ts'
import { toPage } from './page.ts'
import { findLastOf, fromStretch, toFrames, toStretch, toStretches, type StoredStretch, type Stretch } from './stretch.ts'

interface Row extends Omit<StoredStretch, 'frames'> {
  readonly body: string
}

const OPENING_BRACE = 0x7b
const columns = 'cursor, seq, count, type AS types'

/** The table of events. Nobody else knows how they lie there: one to a row, or, where many were written together, many. */
export class EventRows {
  readonly #insert: StatementSync
  readonly #from: StatementSync
  readonly #ofSession: StatementSync
  readonly #framesOfSession: StatementSync
  readonly #all: StatementSync
  readonly #lastSeq: StatementSync
  readonly #lastCursor: StatementSync
  readonly #backwards: StatementSync
  readonly #sizes: StatementSync
  readonly #erase: StatementSync

  constructor(database: DatabaseSync) {
    this.#insert = database.prepare(
      'INSERT INTO event (cursor, session_no, seq, count, type, body) VALUES (?, ?, ?, ?, ?, CAST(? AS TEXT)) ON CONFLICT (session_no, seq) DO NOTHING',
    )
    this.#from = database.prepare(`SELECT ? AS sessionId, ${columns}, body FROM event WHERE session_no = ? AND seq >= ? ORDER BY seq`)
    // The row in which the wanted event lies may begin before it; where events were erased, that row may have nothing of what is wanted.
    const ofSession = (body: string) => `
      WITH own AS (SELECT session_no, session_id FROM session WHERE session_id = :id)
      SELECT session_id AS sessionId, ${columns}, ${body} FROM event JOIN own USING (session_no)
      WHERE seq >= coalesce((SELECT max(seq) FROM event WHERE session_no = (SELECT session_no FROM own) AND seq <= :after + 1), 0)
      ORDER BY seq
    `
    this.#ofSession = database.prepare(`${ofSession('body')} LIMIT :limit + 1`)
    this.#framesOfSession = database.prepare(ofSession('CAST(body AS BLOB) AS frames'))
    this.#all = database.prepare(`
      SELECT session_id AS sessionId, ${columns}, body FROM event JOIN session USING (session_no)
      WHERE cursor >= coalesce((SELECT max(cursor) FROM event WHERE cursor <= :after + 1), 0) ORDER BY cursor LIMIT :limit + 1
    `)
    this.#lastSeq = database.prepare('SELECT seq + count - 1 AS last FROM event WHERE session_no = ? ORDER BY seq DESC LIMIT 1')
    this.#backwards = database.prepare(`
      SELECT seq, count, type AS types FROM event
      WHERE session_no = (SELECT session_no FROM session WHERE session_id = ?) ORDER BY seq DESC
    `)
    // The last events may be erased: no cursor is given twice all the same.
    this.#lastCursor = database.prepare(`
      SELECT max(
        coalesce((SELECT cursor + count - 1 FROM event ORDER BY cursor DESC LIMIT 1), 0),
        coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'last_cursor'), 0)
      ) AS last
    `)
    this.#sizes = database.prepare('SELECT cursor, count, octet_length(body) AS bytes FROM event WHERE session_no = ?')
    this.#erase = database.prepare('DELETE FROM event WHERE cursor = ?')
  }

  /**
   * Stores events in order of their seq, from this cursor on, and returns them as they are stored: under older cursors where a commit that
   * seemed to fail had stored the very same. Throws when other events have their place.
   */
  insert(sessionId: string, sessionNo: number, cursor: number, events: readonly PendingEvent[]): readonly StoredStretch[] {
    const stored: StoredStretch[] = []
    let index = 0
    for (const { seq, count, types, frames } of toStretches(events)) {
      const at = cursor + index
      if (this.#insert.run(at, sessionNo, seq, count, types, frames).changes === 0)
        stored.push(...this.#insertRest(sessionId, sessionNo, at, events.slice(index, index + count)))
      else stored.push({ sessionId, cursor: at, seq, count, types, frames })
      index += count
    }
    return stored
  }

  ofSession(sessionId: string, after: number, limit: number, weight?: number): readonly StoredEvent[] {
    const rows = this.#ofSession.iterate({ id: sessionId, after, limit })
    return toPage(
      toEvents(rows, ({ seq }) => after + 1 - seq),
      limit,
      weight,
    )
  }

  /** As `ofSession`, but as they are sent. */
  frames(sessionId: string, after: number, weight: number): Frames | null {
    return toFrames(this.#framesOfSession.iterate({ id: sessionId, after }).map(toStored), after, weight)
  }

  all(after: number, limit: number, weight?: number): readonly StoredEvent[] {
    const rows = this.#all.iterate({ after, limit })
    return toPage(
      toEvents(rows, ({ cursor }) => after + 1 - cursor),
      limit,
      weight,
    )
  }

  lastSeq(sessionNo: number): number {
    return (this.#lastSeq.get(sessionNo) as { last: number } | undefined)?.last ?? 0
  }

  /** seq of the last event of one of these types; 0 where there is none. */
  lastOf(sessionId: string, types: readonly string[]): number {
    for (const row of this.#backwards.iterate(sessionId)) {
      const stretch = row as unknown as Pick<Stretch, 'seq' | 'count' | 'types'>
      const index = findLastOf(stretch, types)
      if (index >= 0) return stretch.seq + index
    }
    return 0
  }

  lastCursor(): number {
    return (this.#lastCursor.get() as { last: number }).last
  }

  /** Erases some events of a session, and tells how many: all of at most so many rows with at most so many bytes, but at least one row. */
  erase(sessionNo: number, { rows, bytes }: { readonly rows: number; readonly bytes: number }): number {
    const found: { readonly cursor: number; readonly count: number }[] = []
    let size = 0
    for (const row of this.#sizes.iterate(sessionNo)) {
      const { cursor, count, bytes: own } = row as { cursor: number; count: number; bytes: number }
      size += own
      if (found.length > 0 && size > bytes) break
      found.push({ cursor, count })
      if (found.length === rows) break
    }
    for (const { cursor } of found) this.#erase.run(cursor)
    return found.reduce((sum, { count }) => sum + count, 0)
  }

  /** Of events that follow on each other the first are there already, not necessarily in one row. */
  #insertRest(sessionId: string, sessionNo: number, cursor: number, events: readonly PendingEvent[]): readonly StoredStretch[] {
    const rows = this.#from.iterate(sessionId, sessionNo, events[0]?.seq ?? 0)
    const stored = toPage(
      toEvents(rows, () => 0),
      events.length,
      Infinity,
    )
    for (const [index, { seq, json }] of stored.entries())
      if (events[index]?.seq !== seq || events[index]?.json !== json)
        throw new Error(`seq ${seq} of session row ${sessionNo} is taken by another event`)
    const found = stored.map((event) => ({ ...toStretch([event]), cursor: event.cursor, sessionId }))
    return [...found, ...this.insert(sessionId, sessionNo, cursor + stored.length, events.slice(stored.length))]
  }
}

/** The events of rows; of each row from the index on that `skipped` names. */
function* toEvents(rows: Iterable<unknown>, skipped: (row: Row) => number): Generator<readonly StoredEvent[]> {
  for (const one of rows) {
    const row = one as Row
    yield fromStretch(row, row.body, skipped(row))
  }
}

function toStored(row: unknown): Stretch {
  const { frames, ...rest } = row as Omit<StoredStretch, 'frames'> & { readonly frames: Uint8Array }
  const bytes = Buffer.from(frames.buffer, frames.byteOffset, frames.byteLength)
  // A row of an earlier daemon: JSON texts alone.
  return bytes[0] === OPENING_BRACE ? toStretch(fromStretch(rest, bytes.toString(), 0)) : { ...rest, frames: bytes }
}
