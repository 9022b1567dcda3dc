import { openInside } from './own-files.ts'

/**
 * The text of a file that really lies in `root`; null where there is none of at most so many bytes. Agents name the file: it may be a
 * link to what is none of their business, a pipe that nobody writes into, or a device without an end. Only a plain file inside is
 * read, and never more than it said it holds.
 */
export async function readTextFile(root: string, file: string, maxBytes: number): Promise<string | null> {
  try {
    await using handle = await openInside(root, file)
    if (handle === null) return null
    const { size } = await handle.stat()
    if (size > maxBytes) return null
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(size + 1))
    return bytesRead === size ? buffer.toString('utf8', 0, bytesRead) : null
  } catch {
    return null
  }
}
