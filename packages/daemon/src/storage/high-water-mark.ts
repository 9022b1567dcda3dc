import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DataDir } from './data-dir.ts'
import { isSystemError, writeDurably } from './durable-file.ts'

export const markName = 'hwm.json'

/**
 * A witness outside the database of how far the log was known to be on the disk. A WAL that was emptied or cut leaves
 * a database that is sound and merely older, which nothing inside it can tell.
 */
export class HighWaterMark implements Disposable {
  readonly #dir: DataDir
  readonly #delay: number
  #cursor = 0
  #timer: NodeJS.Timeout | null = null

  /** `delay`: milliseconds between a note and its writing. */
  constructor(dir: DataDir, delay = 3000) {
    this.#dir = dir
    this.#delay = delay
  }

  /** The cursor that an earlier run wrote; 0 when the mark cannot be understood, null when there is none. Throws the system's error. */
  read(): number | null {
    try {
      const mark = JSON.parse(readFileSync(this.#path, 'utf8')) as { cursor?: unknown } | null
      return typeof mark?.cursor === 'number' ? mark.cursor : 0
    } catch (error) {
      if (error instanceof SyntaxError) return 0
      if (isSystemError(error, 'ENOENT')) return null
      throw error
    }
  }

  /** Everything up to `cursor` is synced. Written soon, and not for every note. */
  note(cursor: number): void {
    this.#cursor = cursor
    this.#timer ??= setTimeout(() => this.#writeOrWait(), this.#delay).unref()
  }

  /** Writes the mark now. Throws the system's error. */
  write(cursor: number): void {
    this.#cursor = cursor
    this[Symbol.dispose]()
    writeDurably(this.#path, `${JSON.stringify({ cursor })}\n`, this.#dir.temp)
  }

  /** Does not write. */
  [Symbol.dispose](): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }

  get #path(): string {
    return join(this.#dir.path, markName)
  }

  #writeOrWait(): void {
    this.#timer = null
    try {
      this.write(this.#cursor)
    } catch {
      // An older mark proves less, but nothing false; the next note tries again.
    }
  }
}
