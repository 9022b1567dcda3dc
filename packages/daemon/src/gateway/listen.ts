import { chmod, open, rm } from 'node:fs/promises'
import { once } from 'node:events'
import type { Server } from 'node:http'
import { join } from 'node:path'

/** A socket in a directory (0700) that is nobody else's. */
export interface SocketPlace {
  readonly directory: string
  readonly name: string
  /** How an agent reaches it, without a slash at its end. */
  readonly url: string
}

/** Where a server can be reached. Disposing closes it and all its connections. */
export interface Listening extends AsyncDisposable {
  readonly url: string
}

/** What a path of a socket may be long, in bytes, on every system. */
const LONGEST = 100

/** Rejects with the system's error. */
export async function listen(server: Server, place: 'loopback' | SocketPlace): Promise<Listening> {
  await using stack = new AsyncDisposableStack()
  const path = place === 'loopback' ? null : await toSocketPath(place, stack)
  // The last to be made and the first to go: closing looks once more for what it was bound to.
  stack.defer(() => close(server))
  if (path === null) server.listen(0, '127.0.0.1')
  else server.listen(path)
  await once(server, 'listening')
  const address = server.address()
  const url = place === 'loopback' ? `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}` : place.url
  if (place !== 'loopback') await chmod(join(place.directory, place.name), 0o600)
  const parts = stack.move()
  return { url, [Symbol.asyncDispose]: () => parts.disposeAsync() }
}

/** A path that can be bound to while the stack stands. */
async function toSocketPath({ directory, name }: SocketPlace, stack: AsyncDisposableStack): Promise<string> {
  const path = join(directory, name)
  const handle = stack.use(await open(directory))
  // Who gets in between binding and changing the mode has to be the user already.
  if (((await handle.stat()).mode & 0o077) !== 0) throw new Error(`The directory of the socket is open to others: ${directory}`)
  stack.adopt(path, (left) => rm(left, { force: true }))
  // An address of a socket is short; the way through a descriptor is, however long the path.
  const short = process.platform === 'linux' && Buffer.byteLength(path) > LONGEST
  return short ? `/proc/self/fd/${handle.fd}/${name}` : path
}

async function close(server: Server): Promise<void> {
  if (!server.listening) return
  const closed = once(server, 'close')
  server.close()
  server.closeAllConnections()
  await closed
}
