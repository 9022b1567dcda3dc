import type { IncomingMessage } from 'node:http'

/** Between two neighbours only (RFC 9110, 7.6.1), and how a body is framed, which each neighbour does anew. */
const own = new Set([
  'connection',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'content-length',
  'upgrade',
  'http2-settings',
  'expect',
])

/** The headers that a message keeps on its way through, in their order and spelling: name, value, name, value … */
export function toPassedHeaders(message: IncomingMessage): string[] {
  const named = (message.headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase())
  const passes = (name: string) => !own.has(name) && !name.startsWith('proxy-') && !named.includes(name)
  const { rawHeaders } = message
  return rawHeaders.filter((_value, index) => passes((rawHeaders[index - (index % 2)] ?? '').toLowerCase()))
}

const bodiless = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS'])

/** How the body is framed on the way on. A body that says nothing of its length is none, in a request. */
export function toRequestFraming({ headers, method = '' }: IncomingMessage): readonly string[] {
  if (headers['transfer-encoding'] !== undefined) return ['transfer-encoding', 'chunked']
  const length = headers['content-length'] ?? (bodiless.has(method) ? undefined : '0')
  return length === undefined ? [] : ['content-length', length]
}

/** The length of an answer where it is known; else it ends as the client's version of HTTP can tell. */
export function toAnswerFraming({ headers }: IncomingMessage): readonly string[] {
  const length = headers['transfer-encoding'] === undefined ? headers['content-length'] : undefined
  return length === undefined ? [] : ['content-length', length]
}
