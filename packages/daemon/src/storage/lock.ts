import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { StartFailure } from '../core/start-failure.ts'
import { createPrivate } from './durable-file.ts'
import { isSqliteError, sqliteCodes } from './sqlite-error.ts'

/**
 * Holds a directory for this process. The lock is the kernel's, taken by SQLite on a database that stays empty: it ends
 * with the process however that ends, so that there is nothing stale to clean up. It also ends when what is returned is
 * forgotten: the garbage collector closes databases. Throws `StartFailure('data_dir_locked')`.
 */
export function takeLock(directory: string): Disposable {
  const path = join(directory, 'lock.db')
  const note = join(directory, 'lock.json')
  createPrivate(path)
  const database = new DatabaseSync(path)
  try {
    // In memory: a journal file would be left over by a process that is killed.
    database.exec('PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
    // Only a courtesy to whoever comes second: it is read while the lock is held, and means nothing otherwise.
    writeFileSync(note, `${JSON.stringify({ pid: process.pid })}\n`, { mode: 0o600 })
  } catch (error) {
    database.close()
    throw isSqliteError(error, sqliteCodes.busy) ? locked(directory, readPid(note)) : error
  }
  return {
    [Symbol.dispose]() {
      rmSync(note, { force: true })
      database.close()
    },
  }
}

function locked(directory: string, pid: number | null): StartFailure {
  const holder = pid === null ? 'another process' : `process ${pid}`
  return new StartFailure(
    'data_dir_locked',
    `The data directory ${directory} is in use by ${holder}. Stop it, or choose another --data-dir.`,
    {
      members: { path: directory, pid },
    },
  )
}

function readPid(note: string): number | null {
  try {
    const { pid } = JSON.parse(readFileSync(note, 'utf8')) as { pid?: unknown }
    return typeof pid === 'number' ? pid : null
  } catch {
    return null
  }
}
