import { once } from 'node:events'
import { createServer as createHttpServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'

interface Reply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body: unknown
}

interface Received {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly headers: IncomingHttpHeaders
}

export interface TestServer extends AsyncDisposable {
  readonly url: string
  readonly requests: readonly Received[]
}

/** Something that answers in place of a daemon what no daemon can be made to; `reset` cuts the connection, `silence` leaves it open. */
export async function createServer(answer: (request: Received) => Reply | 'reset' | 'silence'): Promise<TestServer> {
  const requests: Received[] = []
  const server = createHttpServer(({ method, url, headers, socket }, response) => {
    const received = { method, url, headers }
    requests.push(received)
    const reply = answer(received)
    if (reply === 'silence') return
    if (reply === 'reset') socket.destroy()
    else response.writeHead(reply.status, { 'content-type': 'application/json', ...reply.headers }).end(JSON.stringify(reply.body))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
