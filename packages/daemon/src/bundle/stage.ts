import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { ArchiveEntry } from './archive.ts'
import type { BundleManifest } from './contents.ts'

export type StagedFile = ArchiveEntry & BundleManifest['files'][number]

/** Files of a bundle on their way into the archive: written piece by piece, counted and hashed. */
export interface BundleStage {
  readonly files: readonly StagedFile[]
  /** Bytes so far. */
  readonly size: number
  add(name: string, pieces: AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>): Promise<void>
  addJson(name: string, value: unknown): Promise<void>
}

export function createBundleStage(directory: string, signal: AbortSignal): BundleStage {
  const files: StagedFile[] = []
  const add: BundleStage['add'] = async (name, pieces) => {
    const path = join(directory, `file-${files.length}`)
    const hash = createHash('sha256')
    let size = 0
    await using file = await open(path, 'wx', 0o600)
    for await (const piece of pieces) {
      signal.throwIfAborted()
      const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece
      hash.update(bytes)
      size += bytes.length
      await file.writeFile(bytes)
    }
    files.push({ name, path, size, sha256: hash.digest('hex') })
  }
  return {
    files,
    get size() {
      return files.reduce((sum, file) => sum + file.size, 0)
    },
    add,
    addJson: (name, value) => add(name, [`${JSON.stringify(value, null, 2)}\n`]),
  }
}
