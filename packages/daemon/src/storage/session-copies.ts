import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { PendingEvent } from '../core/ports.ts'
import type { SessionRow, TaskRow } from './change.ts'
import type { Rows } from './log-writer.ts'
import type { StoredStretch } from './stretch.ts'

/**
 * Sessions that grow where nobody finds them: their rows are there, and in place of the session's own one stands one of a removal. So what
 * a daemon leaves that ends in between is erased like a session that was deleted. All methods are to be called in a transaction.
 */
export class SessionCopies {
  readonly #rows: Rows
  readonly #note: StatementSync
  readonly #mark: StatementSync
  readonly #unmark: StatementSync
  readonly #lowest: StatementSync
  readonly #count: StatementSync
  readonly #copied: StatementSync

  constructor(database: DatabaseSync, rows: Rows) {
    this.#rows = rows
    this.#note = database.prepare(
      "INSERT INTO meta (name, value) VALUES ('last_session_no', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    this.#mark = database.prepare('INSERT INTO removal (session_no, session_id, record) VALUES (?, ?, ?)')
    this.#unmark = database.prepare('DELETE FROM removal WHERE session_no = ?')
    this.#lowest = database.prepare('SELECT min(0, coalesce(min(cursor), 0)) AS lowest FROM event')
    this.#count = database.prepare(`
      INSERT INTO meta (name, value) VALUES ('copied_events', :count)
      ON CONFLICT (name) DO UPDATE SET value = CAST(value AS INTEGER) + CAST(excluded.value AS INTEGER)
    `)
    this.#copied = database.prepare("SELECT CAST(value AS INTEGER) AS count FROM meta WHERE name = 'copied_events'")
  }

  /** Takes a number for the session, and says that what has it is to be erased. */
  begin(sessionId: string, { record }: SessionRow): number {
    const sessionNo = this.#rows.sessions.lastNumber() + 1
    this.#note.run(String(sessionNo))
    this.#mark.run(sessionNo, sessionId, record)
    return sessionNo
  }

  /** Cursors below zero come before the first of the daemon-wide order, and are in nobody's way. */
  add(sessionId: string, sessionNo: number, events: readonly PendingEvent[]): void {
    const { lowest } = this.#lowest.get() as { lowest: number }
    this.#rows.events.insert(sessionId, sessionNo, lowest - events.length, events)
    this.#count.run({ count: String(events.length) })
  }

  addTasks(sessionNo: number, tasks: readonly TaskRow[]): void {
    for (const task of tasks) this.#rows.tasks.put(sessionNo, task)
  }

  /** The session is one like others; its last events follow on `lastCursor`. */
  publish(
    { sessionNo, sessionId, row, snapshot }: { sessionNo: number; sessionId: string; row: SessionRow; snapshot: string },
    events: readonly PendingEvent[],
    lastCursor: number,
  ): readonly StoredStretch[] {
    this.#unmark.run(sessionNo)
    this.#rows.sessions.insertAt(sessionNo, sessionId, row)
    this.#rows.sessions.setSnapshot(sessionNo, snapshot)
    return this.#rows.events.insert(sessionId, sessionNo, lastCursor + 1, events)
  }

  /** How many events were ever added, beside those of the daemon-wide order. */
  copiedEvents(): number {
    return (this.#copied.get() as { count: number } | undefined)?.count ?? 0
  }
}
