import { request as httpRequest, type Agent, type IncomingHttpHeaders } from 'node:http'
import type { FuzzRequest } from './request.ts'

export interface FuzzAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** An event stream that goes on is left after so many bytes, or when nothing more comes. */
const ENOUGH_BYTES = 200_000
const QUIET_MS = 60
const PATIENCE_MS = 30_000

/** Sends a request. Resolves to null where Node's client refuses to send such a thing. Rejects when no answer comes. */
export async function exchange(agent: Agent, url: string, wish: FuzzRequest): Promise<FuzzAnswer | null> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await once(agent, url, wish)
    } catch (error) {
      if (error instanceof Error && 'code' in error && /ERR_INVALID|ERR_UNESCAPED|ERR_HTTP/.test(String(error.code))) return null
      // A kept connection may be closed by the server in the moment in which it is used again.
      if (attempt >= 3 || !(error instanceof Reused)) throw error
    }
  }
}

class Reused extends Error {}

function once(agent: Agent, url: string, { method, target, headers, body }: FuzzRequest): Promise<FuzzAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<FuzzAnswer>()
  const { hostname, port } = new URL(url)
  const all: Record<string, string> = Object.fromEntries(headers)
  if (body !== null) all['content-length'] = String(body.length)
  const outgoing = httpRequest({ agent, hostname, port, method, path: target, headers: all, setHost: true })
  const late = setTimeout(() => outgoing.destroy(new Error(`no answer within ${PATIENCE_MS} ms`)), PATIENCE_MS)
  outgoing.on('close', () => clearTimeout(late))
  outgoing.on('error', (error) => reject(outgoing.reusedSocket && !String(error).includes('no answer') ? new Reused(String(error)) : error))
  outgoing.on('response', (incoming) => {
    const stream = incoming.headers['content-type']?.startsWith('text/event-stream') === true
    const parts: Buffer[] = []
    let size = 0
    let quiet: NodeJS.Timeout | undefined
    const end = () => {
      clearTimeout(quiet)
      resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: Buffer.concat(parts).toString() })
    }
    const leave = () => {
      end()
      outgoing.destroy()
    }
    if (stream) quiet = setTimeout(leave, 1_000)
    incoming.on('data', (chunk: Buffer) => {
      parts.push(chunk)
      size += chunk.length
      if (!stream) return
      clearTimeout(quiet)
      if (size > ENOUGH_BYTES) leave()
      else quiet = setTimeout(leave, QUIET_MS)
    })
    incoming.on('end', end)
    incoming.on('error', end)
  })
  if (body === null) outgoing.end()
  else outgoing.end(body)
  return promise
}
