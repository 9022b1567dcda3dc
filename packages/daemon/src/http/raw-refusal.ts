import { randomUUID } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { STATUS_CODES, type ServerResponse } from 'node:http'
import { Problem, type ProblemCode } from '@codesdkd/protocol'
import { securityHeaders } from './reply.ts'

/**
 * Answers what Node's parser refuses, or what asks for another protocol, on the bare socket and closes it. `last` is the answer that
 * was begun last on this socket: once a part of it is out, a second status line would be taken for the rest of it.
 */
export function refuseRaw(error: Error | null, socket: Duplex, last: ServerResponse | undefined): void {
  const begun = last !== undefined && last.headersSent && !last.writableFinished
  if (!socket.writable || begun || (error !== null && 'code' in error && error.code === 'ECONNRESET')) {
    socket.destroy()
    return
  }
  const problem = toProblem(error)
  const requestId = randomUUID()
  const body = JSON.stringify(problem.toBody(requestId))
  const headers = {
    ...securityHeaders,
    'content-type': 'application/problem+json',
    'content-length': String(Buffer.byteLength(body)),
    'x-request-id': requestId,
    connection: 'close',
  }
  const lines = Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')
  const content = isHead(error) ? '' : body
  socket.end(`HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ''}\r\n${lines}\r\n${content}`, () => socket.destroy())
}

/** As far as the bytes say that were refused: what answers HEAD has no body, and a client takes one for the next answer. */
function isHead(error: Error | null): boolean {
  return error !== null && 'rawPacket' in error && Buffer.isBuffer(error.rawPacket) && error.rawPacket.toString('latin1', 0, 5) === 'HEAD '
}

function toProblem(error: Error | null): Problem {
  const code = error !== null && 'code' in error ? error.code : null
  const details: Record<string, readonly [ProblemCode, string]> = {
    HPE_HEADER_OVERFLOW: ['headers_too_large', 'The request line and the headers may have 16 KB.'],
    HPE_CHUNK_EXTENSIONS_OVERFLOW: ['payload_too_large', 'The chunk extensions are too large.'],
    ERR_HTTP_REQUEST_TIMEOUT: ['request_timeout', 'The request took too long to arrive.'],
  }
  const [name, detail] = (typeof code === 'string' ? details[code] : undefined) ?? [
    'invalid_request',
    'The request is not valid HTTP/1.1, or asks for another protocol.',
  ]
  return new Problem(name, detail)
}
