import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What of the host listens while an attack is on. */
export interface Listeners extends AsyncDisposable {
  /** On every address. */
  readonly port: number
  readonly udpPort: number
  /** Paths and datagrams that came. */
  readonly heard: readonly string[]
  /** Listens on a socket as well: a path, or an abstract one that begins with a NUL. */
  open(path: string): Promise<void>
}

export async function openListeners(): Promise<Listeners> {
  await using stack = new AsyncDisposableStack()
  const heard: string[] = []
  const listen = async (where: string | null, stack: AsyncDisposableStack) => {
    const server = createServer((request, response) => {
      heard.push(request.url ?? '')
      response.end('heard')
    })
    server.on('connect', (request, socket) => {
      heard.push(request.url ?? '')
      socket.destroy()
    })
    if (where === null) server.listen(0, '::')
    else server.listen(where)
    await once(server, 'listening')
    stack.defer(async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    })
    return server
  }
  const tcp = await listen(null, stack)
  const datagrams = createSocket('udp4', (message) => heard.push(message.toString('latin1')))
  datagrams.bind(0, '127.0.0.1')
  await once(datagrams, 'listening')
  stack.defer(() => void datagrams.close())
  const parts = stack.move()
  return {
    port: (tcp.address() as AddressInfo).port,
    udpPort: datagrams.address().port,
    heard,
    open: async (path) => {
      await listen(path, parts)
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}
