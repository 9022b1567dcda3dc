import { once } from 'node:events'
import type { Socket } from 'node:net'

/** Bytes that a client may send before it knows whether there will be a tunnel. */
const EARLY_LIMIT = 65_536
/** Milliseconds without traffic after one side has ended: a client that is gone looks just the same. */
const HALF_CLOSED_TIME = 300_000

/**
 * Reads what a client sends before its tunnel stands, which is also the only way to learn that it is gone. The function puts all of it
 * back and leaves the socket paused.
 */
export function holdBack(client: Socket, head: Buffer): () => void {
  const early = [head]
  let size = head.length
  const keep = (chunk: Buffer) => {
    early.push(chunk)
    size += chunk.length
    if (size >= EARLY_LIMIT) client.pause()
  }
  const gone = () => client.destroy()
  client.on('data', keep).once('end', gone)
  return () => {
    client.pause().off('data', keep).off('end', gone)
    if (size > 0 && !client.destroyed) client.unshift(Buffer.concat(early))
  }
}

/**
 * Joins two sockets: bytes both ways at the pace of the slower one, the end of one direction leaves the other open, and what breaks one
 * socket ends the other. Resolves when both are closed; without traffic they stay open.
 */
export async function splice(client: Socket, outside: Socket): Promise<void> {
  if (client.destroyed || outside.destroyed) {
    client.destroy()
    outside.destroy()
    return
  }
  const closed = Promise.all([client, outside].map((socket) => once(socket, 'close').catch(() => {})))
  join(client, outside)
  join(outside, client)
  await closed
}

function join(from: Socket, to: Socket): void {
  from.on('error', () => to.destroy())
  from.once('close', () => {
    if (!from.readableEnded || !from.writableFinished) to.destroy()
  })
  from.once('end', () => {
    for (const socket of [from, to]) socket.setTimeout(HALF_CLOSED_TIME, () => socket.destroy())
  })
  from.pipe(to)
}
