import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { PendingEvent, StoredEvent } from '../core/ports.ts'
import { toPage } from './page.ts'

interface Row {
  readonly cursor: number
  readonly session_id: string
  readonly seq: number
  readonly type: string
  readonly body: string
}

/** The table of events. Nobody else knows how they lie there. */
export class EventRows {
  readonly #insert: StatementSync
  readonly #find: StatementSync
  readonly #ofSession: StatementSync
  readonly #all: StatementSync
  readonly #lastSeq: StatementSync
  readonly #lastCursor: StatementSync
  readonly #lastOf: StatementSync

  constructor(database: DatabaseSync) {
    this.#insert = database.prepare(
      'INSERT INTO event (cursor, session_no, seq, type, body) VALUES (?, ?, ?, ?, ?) ON CONFLICT (session_no, seq) DO NOTHING',
    )
    this.#find = database.prepare('SELECT cursor, body FROM event WHERE session_no = ? AND seq = ?')
    this.#ofSession = database.prepare(`
      SELECT cursor, session_id, seq, type, body FROM event JOIN session USING (session_no)
      WHERE session_no = (SELECT session_no FROM session WHERE session_id = ?) AND seq > ? ORDER BY seq LIMIT ?
    `)
    this.#all = database.prepare(
      'SELECT cursor, session_id, seq, type, body FROM event JOIN session USING (session_no) WHERE cursor > ? ORDER BY cursor LIMIT ?',
    )
    this.#lastSeq = database.prepare('SELECT max(seq) AS last FROM event WHERE session_no = ?')
    this.#lastOf = database.prepare(`
      SELECT seq FROM event
      WHERE session_no = (SELECT session_no FROM session WHERE session_id = ?) AND type IN (SELECT value FROM json_each(?))
      ORDER BY seq DESC LIMIT 1
    `)
    // The last events may be erased: no cursor is given twice all the same.
    this.#lastCursor = database.prepare(`
      SELECT max(
        (SELECT coalesce(max(cursor), 0) FROM event), coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'last_cursor'), 0)
      ) AS last
    `)
  }

  /**
   * Stores an event under this cursor and returns its cursor: the older one where a commit that seemed to fail had
   * stored the very same event. Throws when another event has its place.
   */
  insert(sessionNo: number, cursor: number, { seq, type, json }: PendingEvent): number {
    if (this.#insert.run(cursor, sessionNo, seq, type, json).changes === 1) return cursor
    const stored = this.#find.get(sessionNo, seq) as Pick<Row, 'cursor' | 'body'>
    if (stored.body !== json) throw new Error(`seq ${seq} of session row ${sessionNo} is taken by another event`)
    return stored.cursor
  }

  ofSession(sessionId: string, after: number, limit: number, weight?: number): readonly StoredEvent[] {
    return toPage(this.#ofSession.iterate(sessionId, after, limit).map(toStoredEvent), limit, weight)
  }

  all(after: number, limit: number, weight?: number): readonly StoredEvent[] {
    return toPage(this.#all.iterate(after, limit).map(toStoredEvent), limit, weight)
  }

  lastSeq(sessionNo: number): number {
    return (this.#lastSeq.get(sessionNo) as { last: number | null }).last ?? 0
  }

  /** seq of the last event of one of these types; 0 where there is none. */
  lastOf(sessionId: string, types: readonly string[]): number {
    return (this.#lastOf.get(sessionId, JSON.stringify(types)) as { seq: number } | undefined)?.seq ?? 0
  }

  lastCursor(): number {
    return (this.#lastCursor.get() as { last: number }).last
  }
}

function toStoredEvent(row: unknown): StoredEvent {
  const { cursor, session_id, seq, type, body } = row as Row
  return { cursor, sessionId: session_id, seq, type, json: body }
}
