import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Durability } from '../core/ports.ts'
import type { Change } from './change.ts'
import type { EventRows } from './event-rows.ts'
import type { SessionRows } from './session-rows.ts'
import { transaction } from './sqlite.ts'
import type { StoredStretch } from './stretch.ts'
import type { TaskRows } from './task-rows.ts'

export interface Rows {
  readonly events: EventRows
  readonly sessions: SessionRows
  readonly tasks: TaskRows
}

export interface WriteOptions {
  readonly durability: Durability
  /** New cursors follow on it. */
  readonly lastCursor: number
  /** The row of a session, where it need not be looked up. */
  readonly known?: (sessionId: string) => number | null
}

/** A change after its commit. */
export interface Written {
  readonly sessionId: string
  readonly sessionNo: number
  readonly stretches: readonly StoredStretch[]
}

/**
 * Puts changes into the tables. Every statement may be run twice, because the fate of a commit that failed with an
 * I/O error is open: the rows may be there although nobody was told.
 */
export class LogWriter {
  readonly #database: DatabaseSync
  readonly #rows: Rows
  readonly #touch: StatementSync
  #durability: Durability | null = null

  constructor(database: DatabaseSync, rows: Rows) {
    this.#database = database
    this.#rows = rows
    this.#touch = database.prepare(
      "INSERT INTO meta (name, value) VALUES ('synced', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
  }

  /** Writes the changes as one transaction. Throws SQLite's error, and then nothing happened or what happened is in doubt. */
  write(changes: readonly Change[], { durability, lastCursor, known = () => null }: WriteOptions): readonly Written[] {
    this.#setDurability(durability)
    return transaction(this.#database, () => {
      // A transaction that writes nothing would not sync what was committed lazily before it.
      if (durability === 'synced') this.#touch.run(String(lastCursor))
      let cursor = lastCursor
      const numbers = new Map<string, number>()
      return changes.map((change) => {
        const sessionNo = this.#writeRows(change, known(change.sessionId) ?? numbers.get(change.sessionId))
        numbers.set(change.sessionId, sessionNo)
        const stretches = this.#rows.events.insert(change.sessionId, sessionNo, cursor + 1, change.events)
        cursor += change.events.length
        return { sessionId: change.sessionId, sessionNo, stretches }
      })
    })
  }

  /** Another transaction; a synced one is on the disk when this returns. Throws SQLite's error. */
  apart<T>(body: () => T, durability: Durability): T {
    this.#setDurability(durability)
    return transaction(this.#database, body)
  }

  #writeRows({ sessionId, session, update, snapshot, tasks }: Change, known: number | undefined): number {
    const { sessions, tasks: taskRows } = this.#rows
    if (session !== null) sessions.insert(sessionId, session)
    const sessionNo = known ?? sessions.number(sessionId)
    if (sessionNo === null) throw new Error(`session ${sessionId} has no row`)
    if (update !== null) sessions.update(sessionNo, update)
    if (snapshot !== null) sessions.setSnapshot(sessionNo, snapshot)
    for (const task of tasks) taskRows.put(sessionNo, task)
    return sessionNo
  }

  /** In WAL mode FULL syncs with every commit, NORMAL with none. */
  #setDurability(durability: Durability): void {
    if (durability === this.#durability) return
    this.#database.exec(`PRAGMA synchronous = ${durability === 'synced' ? 'FULL' : 'NORMAL'}`)
    this.#durability = durability
  }
}
