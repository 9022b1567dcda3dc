import { request as createRequest, type ClientRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { until } from './until.ts'
import { toAnswerFraming, toPassedHeaders, toRequestFraming } from './headers.ts'
import { toAuthority, toTarget, type Target } from './host.ts'
import { Refusal } from './refusal.ts'

/** A plain request that is to be passed on. */
export interface PlainRequest {
  readonly target: Target
  /** Path and query as they came. */
  readonly path: string
}

/** Reads the absolute form (`http://host/path`), the only one that a proxy is asked in. Throws `Refusal`. */
export function toPlainRequest({ method, url = '', httpVersion, headers }: IncomingMessage): PlainRequest {
  if (method === 'TRACE') throw new Refusal(405, 'This method is not allowed')
  const parts = /^http:\/\/([^/?#\\]*)((?:[/?][^#]*)?)$/i.exec(url)
  if (parts === null || httpVersion === '0.9')
    throw new Refusal(400, 'Not a request for a proxy', { reason: 'Ask for http://host/path, or CONNECT to host:port for anything else.' })
  const target = toTarget(parts[1] ?? '', 80)
  if (target === null) throw new Refusal(400, 'Not a valid host')
  const coding = headers['transfer-encoding']
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') throw new Refusal(400, 'This transfer coding is not known')
  const path = parts[2] ?? ''
  return { target, path: path.startsWith('/') ? path : `/${path}` }
}

export interface Onward {
  readonly socket: Socket
  /** What the request line asks for: the path, or the whole URL where a further proxy is asked. */
  readonly path: string
  /** For that further proxy; null for none. */
  readonly authorization: string | null
}

/**
 * Passes a request on over a socket that is connected, and the answer back as it comes. Resolves when the answer is complete. Rejects
 * with the reason of the signal, or with what went wrong; the socket is destroyed in any case.
 */
export async function forward(
  { target }: PlainRequest,
  { socket, path, authorization }: Onward,
  request: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  // Which site of a server is meant says the target that was checked, not a header beside it.
  const passed = toPassedHeaders(request).filter((_value, index, all) => all[index - (index % 2)]?.toLowerCase() !== 'host')
  const named = toAuthority(target).replace(/:80$/, '')
  const proxy = authorization === null ? [] : ['proxy-authorization', authorization]
  const headers = ['host', named, ...passed, ...toRequestFraming(request), ...proxy, 'connection', 'close']
  try {
    const { method } = request
    const outgoing = createRequest({ ...(method === undefined ? {} : { method }), path, headers, createConnection: () => socket })
    const answered = toAnswer(outgoing)
    request.pipe(outgoing)
    const answer = await until(answered, signal).catch((error: unknown) => {
      throw signal.aborted ? error : new Refusal(502, `No answer from ${toAuthority(target)}`, { cause: error })
    })
    response.writeHead(answer.statusCode ?? 502, answer.statusMessage ?? '', [...toPassedHeaders(answer), ...toAnswerFraming(answer)])
    response.flushHeaders()
    await pipeline(answer, response)
  } finally {
    socket.destroy()
    // A server may answer before it has read everything; the rest must not stand in the way of the client's next request.
    request.unpipe()
    request.resume()
  }
}

function toAnswer(outgoing: ClientRequest): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  outgoing.once('response', resolve)
  outgoing.on('error', reject)
  // Nothing that could be switched to was asked for.
  outgoing.once('close', () => reject(new Error('the connection was closed without an answer')))
  return promise
}
