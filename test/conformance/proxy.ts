import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { Environment } from './subject.ts'

/** A proxy that lets nothing off this machine and remembers who was asked for. */
export interface LoggingProxy extends AsyncDisposable {
  /** Variables that point every program at it, but for loopback. */
  readonly env: Environment
  /** `host:port` of everything beyond this machine that was asked for, in its order. */
  readonly asked: readonly string[]
}

export async function openProxy(): Promise<LoggingProxy> {
  const asked: string[] = []
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', (data) => {
      const request = data.toString('latin1')
      // Some programs ask for loopback too, whatever they are told: their model is there.
      const port = /^CONNECT (?:127\.0\.0\.1|localhost):(\d+) /.exec(request)?.[1]
      if (port !== undefined) return tunnel(socket, Number(port))
      asked.push(toTarget(request))
      socket.end('HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n')
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port')
  const url = `http://127.0.0.1:${address.port}`
  const loopback = '127.0.0.1,localhost,::1'
  const names = ['http_proxy', 'https_proxy', 'all_proxy'].flatMap((name) => [name, name.toUpperCase()])
  return {
    env: { ...Object.fromEntries(names.map((name) => [name, url])), no_proxy: loopback, NO_PROXY: loopback },
    asked,
    async [Symbol.asyncDispose]() {
      server.close()
      await once(server, 'close')
    },
  }
}

/** Carries what comes after `CONNECT` to a port of this machine, and the answers back. */
function tunnel(socket: Socket, port: number): void {
  const target = connect(port, '127.0.0.1', () => {
    socket.write('HTTP/1.1 200 Connection Established\r\n\r\n')
    socket.pipe(target).pipe(socket)
  })
  target.on('error', () => socket.destroy())
  socket.on('close', () => target.destroy())
}

/** The target of `CONNECT host:port` or of `GET http://host/path`; the first line as it is of anything else. */
function toTarget(request: string): string {
  const line = request.slice(0, request.search(/\r?\n|$/))
  const [method, target = ''] = line.split(' ')
  if (method === 'CONNECT') return target
  return URL.parse(target)?.host ?? line.slice(0, 200)
}
