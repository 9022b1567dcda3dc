import { once } from 'node:events'
import { chmod, open, rm, type FileHandle } from 'node:fs/promises'
import type { Server } from 'node:net'
import { join } from 'node:path'

/** What the name of a socket may have in every system, its closing zero not counted. */
const PATH_LIMIT = 103

export interface SocketPlace {
  /** Absolute path of a directory that is this user's alone. */
  readonly directory: string
  readonly name: string
}

/** Disposing it removes the file; close the server before. */
export interface SocketFile extends AsyncDisposable {
  readonly path: string
}

/**
 * Lets a server listen on a socket that only this user can reach (0600). Rejects where the directory is open to others, or is no
 * directory. A socket that was left under this name is replaced. On Linux the path may have any length.
 */
export async function listenOnFile(server: Server, { directory, name }: SocketPlace): Promise<SocketFile> {
  const path = join(directory, name)
  const handle = await openPrivate(directory)
  const bound = Buffer.byteLength(path) <= PATH_LIMIT ? path : `/proc/self/fd/${handle.fd}/${name}`
  try {
    await rm(path, { force: true })
    await once(server.listen(bound), 'listening')
    await chmod(bound, 0o600)
  } catch (error) {
    server.close()
    await handle.close()
    throw error
  }
  return {
    path,
    async [Symbol.asyncDispose]() {
      // Node removes the file under the name that it was bound to, which is valid as long as the directory is open.
      await rm(bound, { force: true })
      await handle.close()
    },
  }
}

async function openPrivate(directory: string): Promise<FileHandle> {
  const handle = await open(directory, 'r')
  const about = await handle.stat()
  if (about.isDirectory() && about.uid === process.getuid?.() && (about.mode & 0o077) === 0) return handle
  await handle.close()
  throw new Error("the directory of the socket must be this user's alone (mode 0700)")
}
