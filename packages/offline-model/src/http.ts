import type { IncomingMessage, ServerResponse } from 'node:http'
import { isIP } from 'node:net'

/** A request that is answered with an error before any scenario is asked. */
export class HttpError extends Error {
  override readonly name = 'HttpError'
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** The whole body. Throws HttpError 413 if it is larger than `limit` bytes. */
export async function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  // Not destroyed when the limit ends the loop: its socket must still carry the answer.
  for await (const data of request.iterator({ destroyOnReturn: false })) {
    const chunk: Buffer = data
    size += chunk.length
    if (size > limit) throw new HttpError(413, `the body is larger than ${limit} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** The body as JSON. Throws HttpError 400. */
export function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    throw new HttpError(400, 'the body is not valid JSON')
  }
}

export function sendJson(response: ServerResponse, status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify(body))
}

/**
 * The request's URL. Throws HttpError 403 if Host is a name other than localhost: a page whose domain was rebound to
 * this machine could read the journal otherwise.
 */
export function toUrl(request: IncomingMessage): URL {
  const host = request.headers.host ?? 'localhost'
  const url = URL.parse(request.url ?? '/', `http://${host}`)
  if (url === null) throw new HttpError(400, 'the path is not valid')
  const name = url.hostname.replace(/^\[|\]$/g, '')
  if (name !== 'localhost' && isIP(name) === 0) throw new HttpError(403, 'the Host header is not allowed')
  return url
}
