import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Environment } from './subject.ts'

/** A proxy that lets nothing through and remembers who was asked for. */
export interface LoggingProxy extends AsyncDisposable {
  /** Variables that point every program at it, but for loopback. */
  readonly env: Environment
  /** `host:port` of everything that was asked for, in its order. */
  readonly asked: readonly string[]
}

export async function openProxy(): Promise<LoggingProxy> {
  const asked: string[] = []
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', (data) => {
      asked.push(toTarget(data.toString('latin1')))
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

/** The target of `CONNECT host:port` or of `GET http://host/path`; the first line as it is of anything else. */
function toTarget(request: string): string {
  const line = request.slice(0, request.search(/\r?\n|$/))
  const [method, target = ''] = line.split(' ')
  if (method === 'CONNECT') return target
  return URL.parse(target)?.host ?? line.slice(0, 200)
}
