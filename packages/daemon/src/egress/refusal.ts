import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Target } from './host.ts'

/** Milliseconds that a refused client has for taking its answer. */
const FAREWELL = 2_000
const REASON_LIMIT = 400

export interface RefusalDetails {
  /** A sentence; where there is none, the phrase is the reason. */
  readonly reason?: string
  /** What to do about it; for a model to read. */
  readonly advice?: string
  readonly target?: Target
  readonly cause?: unknown
}

/** Why a request goes no further, as the program that asked is told. Status 403: a rule of the session; else something is broken. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly status: 400 | 403 | 405 | 502 | 503 | 504
  /** The reason phrase of the status line: for most programs it is all that they show. */
  readonly phrase: string
  readonly advice: string
  readonly target: Target | null

  constructor(status: Refusal['status'], phrase: string, about: RefusalDetails = {}) {
    super(about.reason ?? `${phrase}.`, { cause: about.cause })
    this.status = status
    this.phrase = toAscii(phrase)
    this.advice = about.advice ?? ''
    this.target = about.target ?? null
  }
}

/** Answers a request. */
export function refuse(response: ServerResponse, refusal: Refusal): void {
  const body = toBody(refusal)
  response.writeHead(refusal.status, refusal.phrase, toHeaders(refusal, body))
  response.end(body)
}

/** Answers on the bare socket and closes it. */
export function refuseSocket(socket: Socket, refusal: Refusal): void {
  const body = toBody(refusal)
  const headers = Object.entries({ ...toHeaders(refusal, body), connection: 'close' }).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.setTimeout(FAREWELL, () => socket.destroy())
  // What it sends meanwhile is thrown away: unread, it would make the system throw away the answer.
  socket.resume()
  socket.end(`HTTP/1.1 ${refusal.status} ${refusal.phrase}\r\n${headers.join('')}\r\n${body}`)
}

/** The text of a system's error is not told: it may name what is nobody's business. */
export function toRefusal(error: unknown): Refusal {
  return error instanceof Refusal ? error : new Refusal(502, 'The request failed', { cause: error })
}

function toHeaders(refusal: Refusal, body: string): Record<string, string> {
  return {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': String(Buffer.byteLength(body)),
    'x-codesdkd-reason': toAscii(refusal.message),
    ...(refusal.status === 405 ? { allow: 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, CONNECT' } : {}),
  }
}

function toBody({ phrase, message, advice }: Refusal): string {
  const lines = [`${phrase}.`, message, advice].filter((line, index, all) => line !== '' && all.indexOf(line) === index)
  return `${lines.join('\n')}\n`
}

function toAscii(text: string): string {
  return text
    .replaceAll(/[^\x21-\x7e]+/g, ' ')
    .trim()
    .slice(0, REASON_LIMIT)
}
