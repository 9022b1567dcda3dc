import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, openSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

export interface BallastOptions {
  /** Bytes; default 1 MiB. */
  readonly size?: number
  /** Milliseconds between attempts to take the room back; default 2000. */
  readonly retryMs?: number
  /** Told when the room is held again. */
  readonly onRestored: () => void
}

/**
 * Room on the disk that is kept for bad times: a file that is deleted when the disk is full, so that decisions and
 * ends of tasks can still be written, and made again when there is plenty.
 */
export class Ballast implements Disposable {
  readonly #path: string
  readonly #size: number
  readonly #retryMs: number
  readonly #onRestored: () => void
  #timer: NodeJS.Timeout | null = null
  #held: boolean

  constructor(path: string, { size = 1024 * 1024, retryMs = 2000, onRestored }: BallastOptions) {
    this.#path = path
    this.#size = size
    this.#retryMs = retryMs
    this.#onRestored = onRestored
    this.#held = statSync(path, { throwIfNoEntry: false })?.size === size || this.#make()
    if (!this.#held) this.#restoreLater()
  }

  get held(): boolean {
    return this.#held
  }

  /** Gives the room away. False when there is none to give. Never throws. */
  release(): boolean {
    if (!this.#held || !this.#remove()) return false
    this.#held = false
    this.#restoreLater()
    return true
  }

  /** The file stays. */
  [Symbol.dispose](): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
  }

  #restoreLater(): void {
    this.#timer = setTimeout(() => {
      this.#held = this.#make()
      if (this.#held) this.#onRestored()
      else this.#restoreLater()
    }, this.#retryMs).unref()
  }

  /** Only where several times as much is free: else it would take the very room that it was deleted for. */
  #make(): boolean {
    try {
      const { bavail, bsize } = statfsSync(dirname(this.#path))
      if (bavail * bsize < 4 * this.#size) return false
      const file = openSync(this.#path, 'w', 0o600)
      try {
        // Noise, since some file systems store zeros in no room at all.
        writeFileSync(file, randomBytes(this.#size))
        fsyncSync(file)
      } finally {
        closeSync(file)
      }
      return true
    } catch {
      this.#remove()
      return false
    }
  }

  #remove(): boolean {
    try {
      rmSync(this.#path, { force: true })
      return true
    } catch {
      return false
    }
  }
}
