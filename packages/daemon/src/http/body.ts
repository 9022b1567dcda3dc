import type { IncomingMessage, ServerResponse } from 'node:http'
import { Problem } from '@codesdkd/protocol'
import { isFromBrowser, type Exchange } from './exchange.ts'

export type JsonObject = Readonly<Record<string, unknown>>

const MAX_DEPTH = 64

/** Fields whose keys become variables or settings somewhere: there, a key that means something to JavaScript is refused. */
const keyed = new Set(['env', 'runtimeConfig', 'runtime_config', 'metadata'])
const forbiddenKeys = new Set(['__proto__', 'constructor', 'prototype'])

/**
 * The body as a JSON object; an empty one is `{}`. Throws `Problem`: `unsupported_media_type`, `payload_too_large`, `invalid_json`,
 * `invalid_request`. Of repeated keys the last one wins.
 */
export async function readObject(exchange: Exchange, limit: number): Promise<JsonObject> {
  checkMediaType(exchange)
  return parseObject(await exchange.readBody(limit))
}

/**
 * A page of another site can send only bodies that HTML forms know without being asked first, so what comes from a browser must be
 * `application/json`. What does not is read as JSON whatever it claims to be (`curl -d` claims to be a form).
 */
function checkMediaType({ headers }: Exchange): void {
  const encoding = headers['content-encoding']?.trim().toLowerCase() ?? 'identity'
  if (encoding !== 'identity' && encoding !== '') {
    throw new Problem('unsupported_media_type', 'Send the body without Content-Encoding.', { members: { allowed: ['identity'] } })
  }
  if (isFromBrowser(headers) && !/^application\/json\s*(;\s*charset="?utf-8"?\s*)?$/i.test(headers['content-type'] ?? '')) {
    throw new Problem('unsupported_media_type', 'Send the body as application/json.', { members: { allowed: ['application/json'] } })
  }
}

export function parseObject(bytes: Uint8Array): JsonObject {
  if (bytes.length === 0) return {}
  const value = parseJson(bytes)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Problem('invalid_request', 'The body must be a JSON object.', { members: { expected: 'object' } })
  checkValue(value, [], false)
  return { ...value }
}

function parseJson(bytes: Uint8Array): unknown {
  if (depthOf(bytes) > MAX_DEPTH)
    throw new Problem('invalid_request', `The body is nested deeper than ${MAX_DEPTH} levels.`, { members: { limit: MAX_DEPTH } })
  try {
    // Without ignoreBOM the decoder would swallow a byte order mark; JSON does not allow one.
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch {
    throw new Problem('invalid_json', 'The body is not valid JSON in UTF-8.')
  }
}

/** How deep arrays and objects nest. Looked at before parsing, because the parser takes half a second for megabytes of `[`. */
function depthOf(bytes: Uint8Array): number {
  let depth = 0
  let deepest = 0
  let quoted = false
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]
    if (byte === 0x22) quoted = !quoted
    else if (quoted) at += byte === 0x5c ? 1 : 0
    else if (byte === 0x5b || byte === 0x7b) deepest = Math.max(deepest, ++depth)
    else if (byte === 0x5d || byte === 0x7d) depth--
  }
  return deepest
}

/** `path` is where the value stands; it is pushed and popped along the way, because a body may have millions of values. */
function checkValue(value: unknown, path: (string | number)[], named: boolean): void {
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new Problem('invalid_request', 'A number in the body is too large.', { members: { field: toField(path) } })
  if (typeof value !== 'object' || value === null) return
  if (Array.isArray(value)) return value.forEach((item, index) => checkItem(item, index, path, named))
  for (const [key, item] of Object.entries(value)) {
    if (named && forbiddenKeys.has(key))
      throw new Problem('invalid_request', `The key ${key} is not allowed here.`, { members: { field: toField(path) } })
    checkItem(item, key, path, named || (path.length === 0 && keyed.has(key)))
  }
}

function checkItem(item: unknown, key: string | number, path: (string | number)[], named: boolean): void {
  path.push(key)
  checkValue(item, path, named)
  path.pop()
}

/** `messages.2.role` as people write it, cut so that no input is echoed at length. */
export function toField(path: readonly PropertyKey[]): string {
  return path
    .map((key, index) => (/^\d+$/.test(String(key)) ? `[${String(key)}]` : `${index === 0 ? '' : '.'}${String(key)}`))
    .join('')
    .slice(0, 120)
}

/**
 * Takes the body's bytes from the connection. Listens instead of iterating, because leaving an iteration would destroy the
 * connection before the refusal of a body that is too long could be read.
 */
export function readBody(incoming: IncomingMessage, outgoing: ServerResponse, limit: number): Promise<Uint8Array> {
  const tooLarge = new Problem('payload_too_large', `The body may have ${limit} bytes.`, { members: { limit, scope: 'request' } })
  if (Number(incoming.headers['content-length'] ?? 0) > limit) return Promise.reject(tooLarge)
  if (incoming.headers.expect !== undefined) outgoing.writeContinue()
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
  const chunks: Buffer[] = []
  let size = 0
  const take = (chunk: Buffer) => {
    size += chunk.length
    if (size <= limit) chunks.push(chunk)
    else {
      incoming.off('data', take).pause()
      reject(tooLarge)
    }
  }
  incoming.on('data', take)
  incoming.once('end', () => resolve(Buffer.concat(chunks)))
  incoming.once('close', () => reject(new Problem('invalid_request', 'The body is shorter than announced.')))
  incoming.once('error', () => reject(new Problem('invalid_request', 'The body is shorter than announced.')))
  return promise
}
