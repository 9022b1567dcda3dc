import { constants } from 'node:fs'
import { open, stat } from 'node:fs/promises'

/**
 * The text of a file; null where there is none of at most so many bytes. Agents name the file: it may be a pipe that nobody
 * writes into, or a device without an end, so only what is a plain file is read, and never more than it said it holds.
 */
export async function readTextFile(file: string, maxBytes: number): Promise<string | null> {
  try {
    const found = await stat(file)
    if (!found.isFile() || found.size > maxBytes) return null
    // It may be another one by now: then this neither blocks nor goes on.
    await using handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK)
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(found.size + 1))
    return bytesRead === found.size ? buffer.toString('utf8', 0, bytesRead) : null
  } catch {
    return null
  }
}
