import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { verification, type Verification } from '@codesdkd/protocol'
import { writeDurably } from '../storage/durable-file.ts'

/** The last verification of each runtime, one file each. Whoever shares the data directory sees what is put there at once. */
export interface Verified {
  /** Null where there is none that can be read. */
  get(runtime: string): Verification | null
  /** Replaces the file whole. `temp` is a directory of the same file system that nobody else uses. Throws the system's error. */
  put(verification: Verification, temp: string): void
}

export function createVerified(dataDir: string): Verified {
  const directory = join(dataDir, 'verified')
  const toPath = (runtime: string): string => join(directory, `${encodeURIComponent(runtime)}.json`)
  return {
    get(runtime) {
      try {
        const found = verification.safeParse(JSON.parse(readFileSync(toPath(runtime), 'utf8')))
        return found.success && found.data.runtime === runtime ? found.data : null
      } catch {
        return null
      }
    },
    put(found, temp) {
      mkdirSync(directory, { recursive: true, mode: 0o700 })
      writeDurably(toPath(found.runtime), `${JSON.stringify(found, null, 2)}\n`, temp)
    },
  }
}
