import {
  request as requestHttp,
  type Agent,
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions,
  type ServerResponse,
} from 'node:http'
import { request as requestHttps } from 'node:https'
import type { Socket } from 'node:net'
import { pipeline, Transform } from 'node:stream'
import { TLSSocket } from 'node:tls'
import { toRequestHeaders, toResponseHeaders } from './headers.ts'
import { createMask, maskText } from './mask.ts'
import type { CallFailure, CallWatch } from './model-call.ts'
import type { OpenRoute } from './open-route.ts'
import { Refusal, sendRefusal } from './refusal.ts'
import { toReason } from './reason.ts'
import { CONNECT_TIME } from './uplink.ts'

const broken = 'The connection to the endpoint broke before the end of its answer.'
const unfit = 'The endpoint answered with what is no answer of HTTP.'

/** One request of an agent on its way out. */
export interface Exchange {
  readonly opened: OpenRoute
  /** Path and query at the endpoint. */
  readonly target: string
  readonly agent: Agent
  readonly watch: CallWatch
}

/**
 * Passes a request on and its answer back, both as they come. An endpoint that cannot be reached is answered for; one that breaks off
 * breaks the agent's connection too, so that half an answer never looks like a whole one.
 */
export function exchange(going: Exchange, request: IncomingMessage, response: ServerResponse): void {
  const { opened, watch } = going
  const outgoing = toOutgoing(going, request)
  const connection = watchConnection(outgoing)
  let answered: IncomingMessage | null = null
  const fail = (failure: CallFailure, refusal?: Refusal) => {
    watch.end(failure)
    outgoing.destroy()
    if (refusal === undefined || response.headersSent || response.destroyed) response.destroy()
    else sendRefusal(response, opened.route.dialect, refusal)
  }
  outgoing.on('error', (error) => {
    // It answered before it had the whole request, which it did not want any more.
    if (answered?.complete === true) return
    const { status, message } = toReason(error, opened.upstream)
    if (connection.stands()) fail({ kind: 'interrupted', message: broken })
    else fail({ kind: 'unreachable', message }, new Refusal(status, message, { cause: error }))
  })
  // Nothing that could be switched to was asked for. Without a listener Node says nothing more, and the agent would wait for ever.
  outgoing.once('upgrade', (_incoming, socket: Socket) => {
    socket.destroy()
    fail({ kind: 'interrupted', message: unfit }, new Refusal(502, unfit))
  })
  outgoing.on('response', (incoming) => {
    answered = incoming
    const status = incoming.statusCode ?? 502
    watch.answer(status, incoming.headers)
    const refusal = toUnfit(status, incoming)
    if (refusal === null) return answer(going, incoming, response)
    watch.end(null)
    outgoing.destroy()
    sendRefusal(response, opened.route.dialect, refusal)
  })
  response.once('close', () => {
    const { writableFinished } = response
    watch.end(writableFinished ? null : { kind: 'abandoned', message: 'The agent did not wait for the end of the answer.' })
    if (!writableFinished || !outgoing.writableFinished) outgoing.destroy()
  })
  send(request, outgoing, watch)
}

function toOutgoing({ opened, target, agent }: Exchange, { method, headers }: IncomingMessage): ClientRequest {
  const { protocol, hostname, port } = opened.upstream
  const options: RequestOptions = {
    agent,
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: port || (protocol === 'https:' ? 443 : 80),
    method: method ?? 'GET',
    path: target,
    headers: toRequestHeaders(hasBody(headers, method) ? headers : without(headers), opened.own),
  }
  return protocol === 'https:' ? requestHttps(options) : requestHttp(options)
}

/** Only what is posted has a body: any other is not passed on, as its end would not be marked. */
function hasBody(headers: IncomingMessage['headers'], method = ''): boolean {
  return method === 'POST' && (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined)
}

function without({ 'content-length': _length, ...headers }: IncomingMessage['headers']): IncomingMessage['headers'] {
  return headers
}

function send(request: IncomingMessage, outgoing: ClientRequest, watch: CallWatch): void {
  request.once('end', () => watch.requestEnd())
  if (!hasBody(request.headers, request.method)) {
    request.resume()
    if (request.method === 'POST') outgoing.setHeader('content-length', 0)
    outgoing.end()
    return
  }
  request.on('data', (chunk: Buffer) => watch.request(chunk))
  // An upload that breaks off closes the agent's connection, and that ends the request outside.
  request.pipe(outgoing)
}

function answer({ opened, watch }: Exchange, incoming: IncomingMessage, response: ServerResponse): void {
  const { route, hidden } = opened
  const status = incoming.statusCode ?? 502
  const headers = Object.entries(toResponseHeaders(incoming.headers, route)).map(([name, value]) => [
    name,
    toMasked(value, hidden.inErrors),
  ])
  response.writeHead(status, toPhrase(incoming, hidden.inErrors), Object.fromEntries(headers))
  response.flushHeaders()
  const mask = createMask(status < 300 ? hidden.everywhere : hidden.inErrors)
  const passing = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      done(null, mask.push(chunk))
      watch.chunk(chunk)
    },
    flush: (done) => done(null, mask.end()),
  })
  // Where it is the agent that goes, that was told when its connection closed: the first account counts.
  incoming.once('error', () => watch.end({ kind: 'interrupted', message: broken }))
  pipeline(incoming, passing, response, (error) => {
    if (error == null) watch.end(null)
  })
}

/** Node reads control characters there, and throws if they are to be written. */
function toPhrase({ statusMessage = '' }: IncomingMessage, hidden: readonly string[]): string {
  return maskText(statusMessage, hidden).replaceAll(/[^\x20-\x7e\x80-\xff]/g, ' ')
}

function toMasked(value: unknown, hidden: readonly string[]): unknown {
  if (typeof value === 'string') return maskText(value, hidden)
  return Array.isArray(value) ? value.map((one) => toMasked(one, hidden)) : value
}

/** Answers that are not passed on; null for all others. */
function toUnfit(status: number, { headers }: IncomingMessage): Refusal | null {
  // Node reads such a status, and throws if it is to be written.
  if (status < 200) return new Refusal(502, unfit)
  // The next request would carry the credential to a place nobody has named.
  if (status >= 300 && status < 400)
    return new Refusal(502, `The endpoint answered ${status}, which leads elsewhere: redirects are not followed.`)
  const encoding = headers['content-encoding'] ?? 'identity'
  if (status >= 400 && encoding !== 'identity')
    return new Refusal(status, `The endpoint answered ${status}, in an encoding that was not asked for.`)
  return null
}

/** Ends a request whose connection does not come about in time. */
function watchConnection(outgoing: ClientRequest): { stands(): boolean } {
  let stands = false
  const timer = setTimeout(() => outgoing.destroy(Object.assign(new Error('no connection in time'), { code: 'ETIMEDOUT' })), CONNECT_TIME)
  const ready = () => {
    stands = true
    clearTimeout(timer)
  }
  outgoing.once('close', () => clearTimeout(timer))
  outgoing.once('socket', (socket: Socket) => {
    // One that led through a proxy, or is used again, stands already.
    const waits = socket instanceof TLSSocket ? socket.alpnProtocol === null : socket.connecting
    if (waits) socket.once(socket instanceof TLSSocket ? 'secureConnect' : 'connect', ready)
    else ready()
  })
  return { stands: () => stands }
}
