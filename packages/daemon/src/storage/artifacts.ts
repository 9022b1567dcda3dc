import { hash } from 'node:crypto'
import { readFileSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { Problem } from '@codesdkd/protocol'
import type { ArtifactMeta, ArtifactStore, Clock, NewId } from '../core/ports.ts'
import type { DataDir } from './data-dir.ts'
import { isSystemError, makeDurably, syncDirectory, writeDurably } from './durable-file.ts'
import { transaction } from './sqlite.ts'

export interface ArtifactStoreOptions {
  readonly dir: DataDir
  readonly database: DatabaseSync
  readonly clock: Clock
  /** 32 hexadecimal digits. */
  readonly newId: NewId
  /** Bytes of one artifact; default 64 MiB. */
  readonly maxSize?: number
}

/** Few enough that the daemon answers in between. */
const ERASED_AT_ONCE = 64

interface Row {
  readonly artifact_id: string
  readonly session_id: string
  readonly content_type: string
  readonly name: string | null
  readonly size: number
  readonly sha256: string
  readonly created_at: string
}

/**
 * Artifacts as files named after the hash of their content, `artifacts/<2 hex>/<sha256>`, so that the same content is
 * stored once. What an artifact is called and whose it is stands in the database, written after the file and before
 * any event that names it; the WAL keeps that order even when the power fails.
 */
export class FileArtifactStore implements ArtifactStore {
  readonly #dir: DataDir
  readonly #clock: Clock
  readonly #newId: NewId
  readonly #maxSize: number
  readonly #insert: StatementSync
  readonly #find: StatementSync
  readonly #list: StatementSync
  readonly #share: StatementSync
  readonly #slice: StatementSync
  readonly #sharers: StatementSync
  readonly #drop: StatementSync
  readonly #database: DatabaseSync

  constructor({ dir, database, clock, newId, maxSize = 64 * 1024 * 1024 }: ArtifactStoreOptions) {
    this.#dir = dir
    this.#database = database
    this.#clock = clock
    this.#newId = newId
    this.#maxSize = maxSize
    this.#insert = database.prepare(
      'INSERT INTO artifact (artifact_id, session_id, content_type, name, size, sha256, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)',
    )
    this.#share = database.prepare(`
      INSERT INTO artifact (artifact_id, session_id, content_type, name, size, sha256, created_at)
      SELECT ?, ?, content_type, name, size, sha256, created_at FROM artifact WHERE artifact_id = ? ON CONFLICT (artifact_id) DO NOTHING
    `)
    const there = 'NOT EXISTS (SELECT 1 FROM removal WHERE removal.session_id = artifact.session_id)'
    this.#find = database.prepare(`SELECT * FROM artifact WHERE artifact_id = ? AND ${there}`)
    this.#slice = database.prepare('SELECT * FROM artifact WHERE session_id = ? ORDER BY artifact_no LIMIT ?')
    this.#sharers = database.prepare('SELECT count(*) AS count FROM artifact WHERE sha256 = ? AND session_id <> ?')
    this.#drop = database.prepare('DELETE FROM artifact WHERE artifact_id = ?')
    this.#list = database.prepare(`SELECT * FROM artifact WHERE session_id = ? AND ${there} ORDER BY artifact_no`)
  }

  /** Also throws `Problem('storage_unavailable')`; then nothing can be found under an id. */
  put(sessionId: string, content: Uint8Array | string, about: { contentType: string; name?: string; artifactId?: string }): ArtifactMeta {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content
    const size = bytes.byteLength
    if (size > this.#maxSize) {
      throw new Problem('payload_too_large', `An artifact has at most ${this.#maxSize} bytes.`, {
        members: { limit: this.#maxSize, current: size, scope: 'artifact' },
      })
    }
    const sha256 = hash('sha256', bytes)
    const meta: ArtifactMeta = {
      artifactId: about.artifactId ?? this.#newId(),
      sessionId,
      contentType: about.contentType,
      name: about.name ?? null,
      size,
      sha256,
      createdAt: this.#clock.now(),
    }
    available('The artifact cannot be stored.', () => {
      this.#writeContent(sha256, bytes)
      this.#insert.run(meta.artifactId, sessionId, meta.contentType, meta.name, size, sha256, meta.createdAt)
    })
    return meta
  }

  meta(artifactId: string): ArtifactMeta | null {
    const row = available('The artifact cannot be read.', () => this.#find.get(artifactId))
    return row === undefined ? null : toMeta(row)
  }

  list(sessionId: string): readonly ArtifactMeta[] {
    return available('The artifacts cannot be read.', () => this.#list.all(sessionId)).map(toMeta)
  }

  share(
    ids: readonly string[],
    { from, to }: { readonly from: string; readonly to: string },
    toId: (id: string) => string,
  ): ReadonlyMap<string, string> {
    return available('The artifacts cannot be shared.', () =>
      transaction(this.#database, () => {
        const own = ids.filter((id) => (this.#find.get(id) as Row | undefined)?.session_id === from)
        for (const id of own) this.#share.run(toId(id), to, id)
        return new Map(own.map((id) => [id, toId(id)]))
      }),
    )
  }

  /** Also throws `Problem('artifact_not_found')`, and `Problem('storage_unavailable')` where the file is there and cannot be read. */
  async content(artifactId: string): Promise<Uint8Array> {
    const meta = this.meta(artifactId)
    if (meta === null) throw new Problem('artifact_not_found', 'There is no artifact with this id.')
    const bytes = await readFile(this.#pathOf(meta.sha256)).catch((cause: unknown) => {
      if (!isSystemError(cause, 'ENOENT')) throw new Problem('storage_unavailable', 'The artifact cannot be read.', { cause })
      return null
    })
    if (bytes === null || hash('sha256', bytes) !== meta.sha256) {
      throw new Problem(
        'artifact_corrupt',
        bytes === null ? 'The content of the artifact is gone.' : 'The content of the artifact was changed.',
      )
    }
    return bytes
  }

  /**
   * Erases the artifacts of a session, and the files of those that no other session has. Files go before the rows that tell of them, so that
   * it can be gone on with. Throws the errors of SQLite and the system, and the signal's reason.
   */
  async erase(sessionId: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      const slice = this.#slice.all(sessionId, ERASED_AT_ONCE).map(toMeta)
      if (slice.length === 0) return
      const paths = new Set(slice.filter(({ sha256 }) => !this.#isShared(sha256, sessionId)).map(({ sha256 }) => this.#pathOf(sha256)))
      const directories = new Set<string>()
      for (const path of paths) if (removeFile(path)) directories.add(dirname(path))
      for (const directory of directories) syncDirectory(directory)
      transaction(this.#database, () => {
        for (const { artifactId } of slice) this.#drop.run(artifactId)
      })
      await setImmediate()
      signal.throwIfAborted()
    }
  }

  #isShared(sha256: string, sessionId: string): boolean {
    return (this.#sharers.get(sha256, sessionId) as { count: number }).count > 0
  }

  /** A file that is there already is compared, and replaced where it is damaged. */
  #writeContent(sha256: string, bytes: Uint8Array): void {
    const path = this.#pathOf(sha256)
    if (readIfThere(path)?.equals(bytes) ?? false) return
    makeDurably(dirname(path))
    writeDurably(path, bytes, this.#dir.temp)
  }

  #pathOf(sha256: string): string {
    return join(this.#dir.path, 'artifacts', sha256.slice(0, 2), sha256)
  }
}

function toMeta(row: unknown): ArtifactMeta {
  const { artifact_id, session_id, content_type, name, size, sha256, created_at } = row as Row
  return { artifactId: artifact_id, sessionId: session_id, contentType: content_type, name, size, sha256, createdAt: created_at }
}

/** False where there is none. */
function removeFile(path: string): boolean {
  try {
    rmSync(path)
    return true
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return false
    throw error
  }
}

function readIfThere(path: string): Buffer | null {
  try {
    return readFileSync(path)
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return null
    throw error
  }
}

function available<T>(detail: string, work: () => T): T {
  try {
    return work()
  } catch (cause) {
    throw new Problem('storage_unavailable', detail, { cause })
  }
}
