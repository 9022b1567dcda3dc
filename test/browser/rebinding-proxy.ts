import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/**
 * The name server of an attacker, as a SOCKS proxy: it is asked for a name and a port, and leads to the attacker's own server until the
 * port is rebound, then to that port of this machine.
 */
export interface RebindingProxy extends AsyncDisposable {
  readonly port: number
  /** From now on connections to this port lead to this machine. Those that are open end, as a name server's time to live does. */
  rebind(port: number): void
}

/** Starts one for a hostile server on 127.0.0.1. */
export async function openRebindingProxy(hostilePort: number): Promise<RebindingProxy> {
  const rebound = new Set<number>()
  /** Connection -> the port that it was made for, once that is known. */
  const open = new Map<Socket, number | null>()
  const server = createServer((client) => {
    open.set(client, null)
    client.once('close', () => open.delete(client))
    client.on('error', () => client.destroy())
    serve(client, (port) => (rebound.has(port) ? port : hostilePort)).then(
      (port) => open.has(client) && open.set(client, port),
      () => client.destroy(),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    rebind(port) {
      rebound.add(port)
      for (const [client, to] of open) if (to === port) client.destroy()
    },
    async [Symbol.asyncDispose]() {
      server.close()
      for (const client of open.keys()) client.destroy()
      await once(server, 'close')
    },
  }
}

/** RFC 1928 without a login: one CONNECT by name. Resolves with the port that was asked for once the two ends are tied together. */
async function serve(client: Socket, route: (port: number) => number): Promise<number> {
  await read(client)
  client.write(Buffer.of(5, 0))
  const request = await read(client)
  const port = request.readUInt16BE(request.length - 2)
  const server = connect(route(port), '127.0.0.1')
  server.on('error', () => client.destroy())
  await once(server, 'connect')
  client.write(Buffer.of(5, 0, 0, 1, 0, 0, 0, 0, 0, 0))
  client.once('close', () => server.destroy())
  server.once('close', () => client.destroy())
  client.pipe(server).pipe(client)
  return port
}

async function read(socket: Socket): Promise<Buffer> {
  socket.resume()
  const [bytes] = (await once(socket, 'data')) as [Buffer]
  socket.pause()
  return bytes
}
