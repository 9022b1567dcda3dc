import { join } from 'node:path'
import type { ArtifactStore, Clock, NewId } from '../core/ports.ts'
import { FileArtifactStore } from './artifacts.ts'
import { openDataDir, type DataDir } from './data-dir.ts'
import { SqliteEventLog } from './event-log.ts'
import { HighWaterMark } from './high-water-mark.ts'
import { readBootId, stoppedCleanly } from './log-identity.ts'
import { StoredProcessLedger } from './process-ledger.ts'
import { migrations } from './schema.ts'
import { checkPages, openDatabase, startable } from './sqlite.ts'

export interface StorageOptions {
  /** The data directory. */
  readonly path: string
  readonly clock: Clock
  /** Unguessable, 32 hexadecimal digits. */
  readonly newId: NewId
  /** Names the time since the machine was started; by default the system is asked. */
  readonly bootId?: string
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
  /** Erases what a discarded session has here; may be done again. Rejects with errors of SQLite and the system, and the signal's reason. */
  erase(sessionId: string, signal: AbortSignal): Promise<void>
}

/** Opens or creates the storage. Throws `StartFailure`. */
export function openStorage({ path, clock, newId, bootId = readBootId(), maxArtifactSize, onFailure, onCommit }: StorageOptions): Storage {
  using opened = new DisposableStack()
  const dir = opened.use(openDataDir(path))
  const file = join(dir.path, 'codesdkd.db')
  return startable(file, () => {
    const database = openDatabase(file, { migrations, expected: new HighWaterMark(dir).read() !== null })
    opened.defer(() => database.close())
    if (!stoppedCleanly(database)) checkPages(database, file)
    const log = opened.use(
      new SqliteEventLog({ dir, database, newId, bootId, ...(onFailure && { onFailure }), ...(onCommit && { onCommit }) }),
    )
    const artifacts = new FileArtifactStore({ dir, database, clock, newId, ...(maxArtifactSize && { maxSize: maxArtifactSize }) })
    const processes = new StoredProcessLedger(database, bootId)
    const resources = opened.move()
    return {
      dir,
      log,
      artifacts,
      processes,
      async erase(sessionId, signal) {
        // The row that tells that there is something to erase goes last.
        await artifacts.erase(sessionId, signal)
        await log.erase(sessionId, signal)
      },
      [Symbol.dispose]: () => resources.dispose(),
    }
  })
}
