import { readFileSync } from 'node:fs'
import { uptime } from 'node:os'
import type { DatabaseSync } from 'node:sqlite'
import type { NewId } from '../core/ports.ts'
import { transaction } from './sqlite.ts'

/** What a log that was opened says of itself. */
export interface LogIdentity {
  readonly logId: string
  /** The log ends before the place that was known to be on the disk. */
  readonly gap: LogGap | null
}

export interface LogGap {
  /** Cursors. */
  readonly expected: number
  readonly found: number
}

export interface LogOpening {
  readonly newId: NewId
  readonly bootId: string
  /** The high-water mark of the run before; null when there is none. */
  readonly mark: number | null
  readonly lastCursor: number
}

/**
 * Notes in the database that it is in use, and tells what the log is called from here on. A log that may have lost
 * events someone has seen gets a new name: after a stop that was not clean followed by another boot of the machine,
 * and where events are known to be missing. A killed daemon alone loses nothing.
 */
export function openIdentity(database: DatabaseSync, { newId, bootId, mark, lastCursor }: LogOpening): LogIdentity {
  const meta = readMeta(database)
  const gap = mark !== null && mark > lastCursor ? { expected: mark, found: lastCursor } : null
  const interrupted = meta.get('clean') !== '1' && meta.get('boot_id') !== bootId
  const before = meta.get('log_id')
  const logId = before === undefined || interrupted || gap !== null ? newId() : before
  transaction(database, () => writeMeta(database, { log_id: logId, boot_id: bootId, clean: '0' }))
  return { logId, gap }
}

export function closeIdentity(database: DatabaseSync): void {
  writeMeta(database, { clean: '1' })
}

/** False after a crash. A database that is new was never stopped in another way. */
export function stoppedCleanly(database: DatabaseSync): boolean {
  return readMeta(database).get('clean') !== '0'
}

/** Names the time since the machine was started. Elsewhere than on Linux the time of the boot, to a minute: a wrong answer there only renames a log without need. */
export function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return `boot-${Math.round((Date.now() / 1000 - uptime()) / 60)}`
  }
}

function readMeta(database: DatabaseSync): ReadonlyMap<string, string> {
  const rows = database.prepare('SELECT name, value FROM meta').all() as { name: string; value: string }[]
  return new Map(rows.map(({ name, value }) => [name, value]))
}

function writeMeta(database: DatabaseSync, values: Readonly<Record<string, string>>): void {
  const put = database.prepare('INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value')
  for (const [name, value] of Object.entries(values)) put.run(name, value)
}
