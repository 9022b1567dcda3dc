import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/** A client of an event stream that takes what it wants when it wants, over a bare socket. */
export interface RawReader extends Disposable {
  readonly socket: Socket
  /** Resolves when the daemon has closed the connection. */
  readonly closed: Promise<void>
  /** Bytes taken so far. */
  taken(): number
}

/** `bytesPerSecond`: 0 reads nothing at all. */
export function openRawReader(url: string, path: string, bytesPerSecond: number): RawReader {
  const { hostname, port, host } = new URL(url)
  const closed = Promise.withResolvers<void>()
  const over = new AbortController()
  const socket = connect({ host: hostname, port: Number(port) })
  let taken = 0
  socket.pause()
  socket.on('error', () => undefined)
  socket.on('close', () => closed.resolve())
  socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nAccept: text/event-stream\r\n\r\n`)
  if (bytesPerSecond > 0) void sip()
  async function sip(): Promise<void> {
    while (!over.signal.aborted) {
      const chunk = socket.read(Math.min(bytesPerSecond, socket.readableLength)) as Buffer | null
      taken += chunk?.length ?? 0
      await delay(1_000, undefined, { signal: over.signal }).catch(() => undefined)
    }
  }
  return {
    socket,
    closed: closed.promise,
    taken: () => taken,
    [Symbol.dispose]() {
      over.abort()
      socket.destroy()
    },
  }
}
