import { join } from 'node:path'
import type { ArtifactStore, Clock, NewId } from '../core/ports.ts'
import { StartFailure } from '../core/start-failure.ts'
import { FileArtifactStore } from './artifacts.ts'
import { openDataDir, type DataDir } from './data-dir.ts'
import { SqliteEventLog } from './event-log.ts'
import { HighWaterMark } from './high-water-mark.ts'
import { readBootId, stoppedCleanly } from './log-identity.ts'
import { StoredProcessLedger } from './process-ledger.ts'
import { migrations } from './schema.ts'
import { setLogAside } from './set-aside.ts'
import { checkLeftover, checkPages, openDatabase, startable } from './sqlite.ts'

export interface StorageOptions {
  /** The data directory. */
  readonly path: string
  readonly clock: Clock
  /** Unguessable, 32 hexadecimal digits. */
  readonly newId: NewId
  /** Names the time since the machine was started; by default the system is asked. */
  readonly bootId?: string
  /** Moves a damaged log aside and begins an empty one, instead of refusing; then every page is looked at. */
  readonly recover?: boolean
  /** Bytes of one artifact; default 64 MiB. */
  readonly maxArtifactSize?: number
  /** Told when writes begin to fail, with the cause, and with null when all is well again. */
  readonly onFailure?: (failure: Error | null) => void
  /** Told after each transaction of the log how many seconds it took. */
  readonly onCommit?: (seconds: number) => void
}

/** Everything that is kept in one data directory, which is locked until this is disposed. */
export interface Storage extends Disposable {
  readonly dir: DataDir
  readonly log: SqliteEventLog
  readonly artifacts: ArtifactStore
  readonly processes: StoredProcessLedger
  /** The directory where a damaged log lies now. */
  readonly setAside: string | null
  /** Erases what a discarded session has here; may be done again. Rejects with errors of SQLite and the system, and the signal's reason. */
  erase(sessionId: string, signal: AbortSignal): Promise<void>
}

/** Opens or creates the storage. Throws `StartFailure`. */
export function openStorage({ path, recover = false, ...options }: StorageOptions): Storage {
  using opened = new DisposableStack()
  const dir = opened.use(openDataDir(path))
  const file = join(dir.path, 'codesdkd.db')
  const open = (expected: boolean) => opened.use(openTables(file, { dir, expected, checked: recover, ...options }))
  const known = startable(file, () => new HighWaterMark(dir).read() !== null)
  let setAside: string | null = null
  let tables: Tables
  try {
    tables = open(known)
  } catch (error) {
    if (!recover || !(error instanceof StartFailure) || error.code !== 'database_corrupt') throw error
    // The mark stays: it tells the new log that there was more.
    setAside = startable(file, () => setLogAside(dir, file))
    tables = open(false)
  }
  const { log, artifacts, processes } = tables
  const resources = opened.move()
  return {
    dir,
    log,
    artifacts,
    processes,
    setAside,
    async erase(sessionId, signal) {
      // The row that tells that there is something to erase goes last.
      await artifacts.erase(sessionId, signal)
      await log.erase(sessionId, signal)
    },
    [Symbol.dispose]: () => resources.dispose(),
  }
}

interface Tables extends Disposable {
  readonly log: SqliteEventLog
  readonly artifacts: FileArtifactStore
  readonly processes: StoredProcessLedger
}

interface TableOptions extends Omit<StorageOptions, 'path' | 'recover'> {
  readonly dir: DataDir
  /** An earlier run is known to have written a database here. */
  readonly expected: boolean
  /** Looks for damage also in a log that was closed as it should. */
  readonly checked: boolean
}

function openTables(
  file: string,
  { dir, expected, checked, clock, newId, bootId = readBootId(), maxArtifactSize, onFailure, onCommit }: TableOptions,
): Tables {
  return startable(file, () => {
    using opened = new DisposableStack()
    const looked = checkLeftover(file)
    const database = openDatabase(file, { migrations, expected })
    opened.defer(() => database.close())
    if (!looked && (checked || !stoppedCleanly(database))) checkPages(database, file)
    const log = opened.use(
      new SqliteEventLog({ dir, database, newId, bootId, ...(onFailure && { onFailure }), ...(onCommit && { onCommit }) }),
    )
    const artifacts = new FileArtifactStore({ dir, database, clock, newId, ...(maxArtifactSize && { maxSize: maxArtifactSize }) })
    const processes = new StoredProcessLedger(database, bootId)
    const resources = opened.move()
    return { log, artifacts, processes, [Symbol.dispose]: () => resources.dispose() }
  })
}
