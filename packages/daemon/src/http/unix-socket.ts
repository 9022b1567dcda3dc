import { chmodSync, lstatSync, mkdirSync, statSync, unlinkSync } from 'node:fs'
import { connect, type Server } from 'node:net'
import { dirname } from 'node:path'

/**
 * Listens on a socket that only this user can reach: 0600 in a directory of 0700. A socket that a dead daemon left is removed, one
 * that answers is not, nor is anything else. Rejects when the directory is open to others or the path is taken.
 */
export async function bindUnixSocket(server: Server, path: string): Promise<void> {
  const directory = dirname(path)
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const { uid, mode } = statSync(directory)
  if (uid !== process.getuid?.() || (mode & 0o077) !== 0)
    throw new Error(`the directory of the socket must be this user's alone (mode 0700): ${directory}`)
  const state = await probe(path)
  if (state === 'alive') throw new Error(`the socket is in use: ${path}`)
  if (state === 'dead') removeSocket(path)
  // The system binds within the call, so no other file is created under this mask.
  const mask = process.umask(0o077)
  try {
    server.listen(path)
    chmodSync(path, 0o600)
  } finally {
    process.umask(mask)
  }
}

function removeSocket(path: string): void {
  if (!lstatSync(path).isSocket()) throw new Error(`this is no socket: ${path}`)
  unlinkSync(path)
}

function probe(path: string): Promise<'alive' | 'dead' | 'absent'> {
  const { promise, resolve } = Promise.withResolvers<'alive' | 'dead' | 'absent'>()
  const socket = connect(path)
  socket.once('connect', () => resolve('alive'))
  socket.once('error', (error: NodeJS.ErrnoException) =>
    resolve(error.code === 'ENOENT' ? 'absent' : error.code === 'ECONNREFUSED' ? 'dead' : 'alive'),
  )
  return promise.finally(() => socket.destroy())
}
