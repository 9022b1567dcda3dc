import { closeSync, lstatSync, openSync, readSync, rmSync, statSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { StartFailure } from '../core/start-failure.ts'
import { createPrivate, isSystemError } from './durable-file.ts'
import { markName } from './high-water-mark.ts'
import { isSqliteError, sqliteCodes } from './sqlite-error.ts'

export interface DatabaseOptions {
  /** SQL of every schema version, oldest first. The file's version is the number of those it has been through. */
  readonly migrations: readonly string[]
  /** An earlier run is known to have written a database here: if it is missing, that is damage. */
  readonly expected: boolean
}

/**
 * Opens a database in WAL mode for this connection alone, and brings its schema up to date in one transaction.
 * Throws `StartFailure`: schema_too_new (the file is not touched), database_corrupt (nor is that one), data_dir_unusable.
 */
export function openDatabase(path: string, { migrations, expected }: DatabaseOptions): DatabaseSync {
  return startable(path, () => {
    const version = statedVersion(path)
    if (version === null && (expected || sizeOf(`${path}-wal`) > 0)) throw corrupt(path, 'is missing or empty')
    if (version !== null && version > migrations.length) throw tooNew(path, version, migrations.length)
    createPrivate(path)
    const database = new DatabaseSync(path, { enableForeignKeyConstraints: false })
    try {
      configure(database)
      migrate(database, path, migrations)
      return database
    } catch (error) {
      database.close()
      throw error
    }
  })
}

/** Runs `body` as one transaction. What it throws, the transaction never happened, unless the disk failed in the very act of committing. */
export function transaction<T>(database: DatabaseSync, body: () => T): T {
  database.exec('BEGIN IMMEDIATE')
  try {
    const result = body()
    database.exec('COMMIT')
    return result
  } catch (error) {
    // Some failures end the transaction by themselves.
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}

/** Translates what SQLite and the system throw while the database at `path` is being opened. */
export function startable<T>(path: string, open: () => T): T {
  try {
    return open()
  } catch (error) {
    if (isSqliteError(error, sqliteCodes.error, sqliteCodes.corrupt, sqliteCodes.notADatabase))
      throw corrupt(path, `is damaged (${error.message})`, error)
    if (isSqliteError(error) || isSystemError(error)) {
      throw new StartFailure('data_dir_unusable', `${path} cannot be used: ${error.message}.`, { members: { path }, cause: error })
    }
    throw error
  }
}

const maxCheckedSize = 256 * 1024 * 1024

/**
 * The same as `checkPages` for what a kill has left, before anything is changed: closing a connection that may write would put the WAL into
 * the damaged file. False where there is no WAL, and then nothing was looked at.
 */
export function checkLeftover(path: string): boolean {
  if (sizeOf(path) === 0 || sizeOf(`${path}-wal`) === 0) return false
  const database = new DatabaseSync(path, { readOnly: true })
  try {
    checkPages(database, path)
    return true
  } finally {
    database.close()
    // Who may only read needs it, and leaves it.
    rmSync(`${path}-shm`, { force: true })
  }
}

/**
 * Looks for damage in every page. That takes a second for some hundred MB, so it is for databases that were not closed,
 * and a larger one is not checked at all. Throws `StartFailure('database_corrupt')`.
 */
export function checkPages(database: DatabaseSync, path: string): void {
  if (sizeOf(path) > maxCheckedSize) return
  const found = startable(path, () => database.prepare('PRAGMA quick_check(1)').get()) as { quick_check: string } | undefined
  if (found?.quick_check !== 'ok') throw corrupt(path, `is damaged (${found?.quick_check ?? 'unreadable'})`)
}

function configure(database: DatabaseSync): void {
  database.exec(`
    -- One daemon, one connection: the index of the WAL then lives on the heap, and there is no shared memory file to lose.
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    -- macOS: without it a sync stops at the drive's cache.
    PRAGMA fullfsync = ON;
    -- What is deleted is overwritten, not only forgotten.
    PRAGMA secure_delete = ON;
    PRAGMA journal_size_limit = 16777216;
    PRAGMA temp_store = MEMORY;
  `)
}

function migrate(database: DatabaseSync, path: string, migrations: readonly string[]): void {
  const { user_version: version } = database.prepare('PRAGMA user_version').get() as { user_version: number }
  if (version > migrations.length) throw tooNew(path, version, migrations.length)
  if (version === migrations.length) return
  transaction(database, () => {
    for (const migration of migrations.slice(version)) database.exec(migration)
    database.exec(`PRAGMA user_version = ${migrations.length}`)
  })
  // From here on the schema is in the main file, whatever becomes of the WAL.
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
}

/** The version that the file itself states, before SQLite, which may write even to read, gets to see it. Null: no file, or an empty one. */
function statedVersion(path: string): number | null {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  if (stats === undefined) return null
  if (!stats.isFile()) throw corrupt(path, 'is not a regular file')
  if (stats.size === 0) return null
  const header = readStart(path, 100)
  if (header.length < 100 || header.toString('latin1', 0, 16) !== 'SQLite format 3\0') throw corrupt(path, 'is not a database')
  return header.readUInt32BE(60)
}

function readStart(path: string, bytes: number): Buffer {
  const file = openSync(path, 'r')
  try {
    const buffer = Buffer.alloc(bytes)
    return buffer.subarray(0, readSync(file, buffer, 0, bytes, 0))
  } finally {
    closeSync(file)
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}

function corrupt(path: string, what: string, cause?: unknown): StartFailure {
  const name = basename(path)
  const advice = `Restore it from a backup, or move ${name}, ${name}-wal and ${markName} out of ${dirname(path)}, or start with --recover, to begin with an empty log`
  return new StartFailure('database_corrupt', `${path} ${what}. ${advice}.`, { members: { path }, cause })
}

function tooNew(path: string, found: number, known: number): StartFailure {
  const message = `${path} has schema version ${found}; this daemon knows versions up to ${known}. Start the newer daemon, or choose another --data-dir.`
  return new StartFailure('schema_too_new', message, { members: { path, found, known } })
}
