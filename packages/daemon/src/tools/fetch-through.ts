import { request as openHttp, type Agent, type IncomingMessage } from 'node:http'
import { request as openHttps } from 'node:https'
import { Readable } from 'node:stream'

export type Fetch = (url: string | URL, init?: RequestInit) => Promise<Response>

/** `fetch` over the connections of an agent, which know proxies and certificates. Follows no redirect. Bodies are text. */
export function createFetch(agent: (protocol: string) => Agent): Fetch {
  return async (url, { method = 'GET', headers, body, signal } = {}) => {
    signal?.throwIfAborted()
    const target = new URL(url)
    const open = target.protocol === 'https:' ? openHttps : openHttp
    const request = open(target, {
      method,
      headers: Object.fromEntries(new Headers(headers)),
      agent: agent(target.protocol),
      ...(signal === null || signal === undefined ? {} : { signal }),
    })
    const { promise: answered, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    request.once('response', resolve)
    // What happens after the answer has begun is told by its body.
    request.on('error', reject)
    if (typeof body === 'string') request.end(body)
    else if (body === null || body === undefined) request.end()
    else throw new TypeError('only text can be sent')
    const response = await answered
    const { statusCode: status = 502 } = response
    const sent = new Headers()
    for (const [name, values] of Object.entries(response.headersDistinct)) for (const value of values ?? []) sent.append(name, value)
    if (status !== 204 && status !== 205 && status !== 304) {
      return new Response(Readable.toWeb(response), { status, headers: sent })
    }
    response.resume()
    return new Response(null, { status, headers: sent })
  }
}
