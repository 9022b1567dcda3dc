import { createHmac, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isSystemError, writeDurably } from '../storage/durable-file.ts'
import type { DataDir } from '../storage/data-dir.ts'

/**
 * The key of one session's marks: the same for all its bundles, so that they can be compared, and of no use for any other.
 * It is derived from a key that is made once per data directory and never leaves it.
 */
export function createRedactionKeys({ path, temp }: Pick<DataDir, 'path' | 'temp'>): (sessionId: string) => Uint8Array {
  const file = join(path, 'redaction.key')
  return (sessionId) => createHmac('sha256', readKey(file, temp)).update(sessionId).digest()
}

function readKey(file: string, temp: string): Uint8Array {
  try {
    return readFileSync(file)
  } catch (error) {
    if (!isSystemError(error, 'ENOENT')) throw error
    const key = randomBytes(32)
    writeDurably(file, key, temp)
    return key
  }
}
