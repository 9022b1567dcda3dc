import { request } from 'node:http'
import { Readable } from 'node:stream'
import type { Fetch } from '../transport.ts'

/** `fetch` over a Unix socket. The host of a URL means nothing: everything goes to the socket, under the name localhost. */
export function createSocketFetch(socketPath: string): Fetch {
  return (input, { method = 'GET', headers, body, signal }) => {
    const { pathname, search } = new URL(input)
    const { promise, resolve, reject } = Promise.withResolvers<Response>()
    const outgoing = request({
      socketPath,
      path: pathname + search,
      method,
      headers: { ...Object.fromEntries(new Headers(headers)), host: 'localhost' },
      ...(signal == null ? {} : { signal }),
    })
    outgoing.on('error', reject).on('response', (message) => {
      const status = message.statusCode ?? 0
      const empty = status === 204 || status === 304
      if (empty) message.resume()
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- two declarations of one thing, of Node and of the web
      const content = empty ? null : (Readable.toWeb(message) as ReadableStream<Uint8Array>)
      resolve(new Response(content, { status, headers: toHeaders(message.rawHeaders) }))
    })
    outgoing.end(typeof body === 'string' ? body : undefined)
    return promise
  }
}

function toHeaders(raw: readonly string[]): Headers {
  const headers = new Headers()
  for (let index = 0; index + 1 < raw.length; index += 2) headers.append(raw[index] ?? '', raw[index + 1] ?? '')
  return headers
}
