import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** A network between client and daemon that can fail. */
export interface Relay extends AsyncDisposable {
  readonly url: string
  /** As the `Host` header has it. */
  readonly host: string
  /** From now on connections lead to this daemon. */
  aim(url: string): void
  /** Connections that were made through it so far. */
  connections(): number
  /** Cuts every connection at once, as a cable does. */
  cut(): void
  /** Passes nothing on any more, and tells nobody; new connections work. */
  freeze(): void
}

/** Passes connections on to a daemon. `limit` cuts each connection after so many bytes of its answer. */
export async function createRelay(limit = Number.POSITIVE_INFINITY): Promise<Relay> {
  let daemonPort = 0
  const open = new Set<Socket>()
  let connections = 0
  const server = createServer((client) => {
    connections += 1
    const daemon = connect(daemonPort, '127.0.0.1')
    let passed = 0
    for (const [from, to] of [
      [client, daemon],
      [daemon, client],
    ] as const) {
      open.add(from)
      from.on('error', () => to.destroy()).on('close', () => [open.delete(from), to.destroy()])
    }
    client.on('data', (bytes) => daemon.write(bytes))
    daemon.on('data', (bytes) => {
      const rest = limit - passed
      passed += bytes.length
      if (bytes.length < rest) client.write(bytes)
      else client.write(bytes.subarray(0, rest), () => client.destroy())
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cut = () => {
    for (const socket of open) socket.destroy()
  }
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url: `http://${host}`,
    host,
    aim(url) {
      daemonPort = Number(new URL(url).port)
    },
    connections: () => connections,
    cut,
    freeze() {
      for (const socket of open) socket.removeAllListeners('data').pause()
    },
    async [Symbol.asyncDispose]() {
      cut()
      server.close()
      await once(server, 'close')
    },
  }
}
