import type { IncomingMessage, ServerResponse } from 'node:http'
import { once } from 'node:events'

type Chunk = string | Uint8Array

/** An answer as a value. `dispose` runs once, whether the answer was sent, cut off or only asked for by HEAD. */
export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** A stream is pulled only as fast as the client takes it. */
  readonly body: Chunk | AsyncIterable<Chunk> | null
  readonly dispose?: () => void | PromiseLike<void>
}

export function json(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Reply {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(value) }
}

/** Headers of every answer: no browser may run, embed, sniff, keep or leak what the daemon says. */
export const securityHeaders = {
  'x-content-type-options': 'nosniff',
  'cross-origin-resource-policy': 'same-origin',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  vary: 'Origin',
} as const

/** Bytes of a refused body that are still taken, and thrown away: a sender whose connection is cut while it writes never sees the answer. */
const DRAIN_LIMIT = 16 * 1024 ** 2
const DRAIN_MS = 2_000

/** Writes the answer. Resolves when it is handed to the system or the client is gone; rejects when the body's stream fails. */
export async function send(
  reply: Reply,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  try {
    const { body } = reply
    // Where the end of the connection tells the end of the body, nothing has to be put around its pieces.
    if (reply.headers['connection'] === 'close') outgoing.useChunkedEncodingByDefault = false
    const length = isChunk(body) ? { 'content-length': String(Buffer.byteLength(body)) } : {}
    outgoing.writeHead(reply.status, { ...securityHeaders, ...headers, ...length, ...reply.headers })
    const shown = incoming.method === 'HEAD' ? null : body
    if (isChunk(shown) && incoming.complete) {
      // Together with the headers: one write.
      outgoing.end(shown)
      return
    }
    if (isChunk(shown)) outgoing.write(shown)
    else if (shown !== null) await pump(shown, outgoing)
    if (!incoming.complete) await drain(incoming)
    outgoing.end()
  } finally {
    await reply.dispose?.()
  }
}

function isChunk(body: Reply['body']): body is Chunk {
  return typeof body === 'string' || body instanceof Uint8Array
}

async function pump(chunks: AsyncIterable<Chunk>, outgoing: ServerResponse): Promise<void> {
  let wake: (() => void) | null = null
  const goOn = () => wake?.()
  outgoing.on('drain', goOn)
  outgoing.once('close', goOn)
  outgoing.flushHeaders()
  for await (const chunk of chunks) {
    if (outgoing.closed) return
    if (!outgoing.write(chunk) && !outgoing.closed) await new Promise<void>((resolve) => (wake = resolve))
  }
}

/** Takes the rest of a body nobody wants, within bounds; what is longer loses its connection. */
async function drain(incoming: IncomingMessage): Promise<void> {
  const rest = new AbortController()
  const timer = setTimeout(() => rest.abort(), DRAIN_MS)
  let seen = 0
  incoming.on('data', (chunk: Buffer) => {
    seen += chunk.length
    if (seen > DRAIN_LIMIT) rest.abort()
  })
  incoming.resume()
  await Promise.race([once(incoming, 'end', { signal: rest.signal }), once(incoming, 'close', { signal: rest.signal })]).catch(() =>
    incoming.socket.destroySoon(),
  )
  clearTimeout(timer)
}
