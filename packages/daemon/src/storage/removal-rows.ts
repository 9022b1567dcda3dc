import { setImmediate } from 'node:timers/promises'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { SessionRecord } from '../core/ports.ts'
import type { EventRows } from './event-rows.ts'
import { toRecord } from './session-rows.ts'
import { transaction } from './sqlite.ts'

/** What one transaction erases: little enough that the daemon answers in between. */
const SLICE = { rows: 256, bytes: 256 * 1024 }

/** The table of sessions that were deleted, and the end of their rows. */
export class RemovalRows {
  readonly #database: DatabaseSync
  readonly #events: EventRows
  readonly #note: StatementSync
  readonly #add: StatementSync
  readonly #dropSession: StatementSync
  readonly #list: StatementSync
  readonly #number: StatementSync
  readonly #countErased: StatementSync
  readonly #erased: StatementSync
  readonly #eraseTasks: StatementSync
  readonly #drop: StatementSync

  constructor(database: DatabaseSync, events: EventRows) {
    this.#database = database
    this.#events = events
    this.#note = database.prepare('INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value')
    this.#add = database.prepare(`
      INSERT INTO removal (session_no, session_id, record) SELECT session_no, session_id, record FROM session WHERE session_id = ?
      ON CONFLICT (session_no) DO NOTHING
    `)
    this.#dropSession = database.prepare('DELETE FROM session WHERE session_id = ?')
    this.#list = database.prepare('SELECT record FROM removal ORDER BY session_no')
    this.#number = database.prepare('SELECT session_no FROM removal WHERE session_id = ?')
    this.#countErased = database.prepare(`
      INSERT INTO meta (name, value) VALUES ('erased_events', :count)
      ON CONFLICT (name) DO UPDATE SET value = CAST(value AS INTEGER) + CAST(excluded.value AS INTEGER)
    `)
    this.#erased = database.prepare("SELECT CAST(value AS INTEGER) AS count FROM meta WHERE name = 'erased_events'")
    this.#eraseTasks = database.prepare('DELETE FROM task WHERE session_no = ?')
    this.#drop = database.prepare('DELETE FROM removal WHERE session_no = ?')
  }

  /** In a transaction: moves the session's row here, and notes the numbers that must not be given again when the rows are gone. May be done twice. */
  add(sessionId: string, { lastCursor, lastSessionNo }: { readonly lastCursor: number; readonly lastSessionNo: number }): void {
    this.#note.run('last_cursor', String(lastCursor))
    this.#note.run('last_session_no', String(lastSessionNo))
    this.#add.run(sessionId)
    this.#dropSession.run(sessionId)
  }

  list(): readonly SessionRecord[] {
    return this.#list.all().map(toRecord)
  }

  /** How many events were ever erased. */
  erasedEvents(): number {
    return (this.#erased.get() as { count: number } | undefined)?.count ?? 0
  }

  /**
   * Erases the rows of a session of this table, itself last, in slices; what was erased is no longer in the file then. Throws SQLite's error
   * and the signal's reason; it can be gone on with.
   */
  async erase(sessionId: string, signal: AbortSignal): Promise<void> {
    const row = this.#number.get(sessionId) as { session_no: number } | undefined
    if (row === undefined) return
    while (this.#eraseSlice(row.session_no) > 0) {
      await setImmediate()
      signal.throwIfAborted()
    }
    transaction(this.#database, () => {
      this.#eraseTasks.run(row.session_no)
      this.#drop.run(row.session_no)
    })
    this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  }

  #eraseSlice(sessionNo: number): number {
    return transaction(this.#database, () => {
      const count = this.#events.erase(sessionNo, SLICE)
      this.#countErased.run({ count: String(count) })
      return count
    })
  }
}
