import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { Conversation } from './conversation.ts'
import type { Dialect } from './dialect.ts'
import { sendJson } from './http.ts'
import { play } from './playback.ts'
import type { Outcome } from './playback.ts'
import { countInput } from './reply.ts'
import type { Reply } from './reply.ts'
import type { Fault } from './scenario.ts'

/** One answer: what is said, in which API, and what goes wrong with it. */
export interface Performance {
  readonly dialect: Dialect
  readonly conversation: Conversation
  readonly reply: Reply
  readonly delayMs: number
  readonly fault: Fault | null
}

/** Faults that begin after the request was accepted. */
type LateFault = Exclude<Fault, { kind: 'refuse' | 'status' }>

/** Answers the request. Rejects if the agent goes away. */
export async function perform(performance: Performance, response: ServerResponse): Promise<Outcome> {
  const { dialect, conversation, fault } = performance
  if (fault?.kind === 'refuse') {
    response.destroy()
    return 'faulted'
  }
  if (fault?.kind === 'status') {
    sendJson(response, fault.status, fault.body ?? dialect.errorBody(fault.status, `scenario fault ${fault.status}`), fault.headers)
    return 'faulted'
  }
  const abort = new AbortController()
  response.once('close', () => abort.abort())
  if (conversation.wants === 'stream') return stream(performance, fault, response, abort.signal)
  return answerWhole(performance, fault, response, abort.signal)
}

async function stream(
  { dialect, reply, delayMs }: Performance,
  fault: LateFault | null,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<Outcome> {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  response.flushHeaders()
  const sent = await play(dialect.render(reply), response, { delayMs, stopAfter: fault?.after_chunks ?? null, signal })
  if (fault?.kind === 'failed') {
    await play(dialect.renderFailure(reply, fault, sent > 0), response, { delayMs: 0, stopAfter: null, signal })
  } else if (fault !== null) {
    return breakOff(fault, response, signal)
  }
  response.end()
  return fault === null ? 'completed' : 'faulted'
}

/** An answer that is not streamed has no middle: a fault comes instead of it. */
async function answerWhole(
  { dialect, conversation, reply }: Performance,
  fault: LateFault | null,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<Outcome> {
  if (fault?.kind === 'failed') {
    sendJson(response, 500, dialect.errorBody(500, fault.message))
    return 'faulted'
  }
  if (fault !== null) return breakOff(fault, response, signal)
  const { wants } = conversation
  sendJson(response, 200, wants === 'token_count' ? dialect.renderTokenCount?.(countInput(conversation)) : dialect.renderWhole?.(reply))
  return 'completed'
}

async function breakOff({ kind }: Exclude<LateFault, { kind: 'failed' }>, response: ServerResponse, signal: AbortSignal): Promise<Outcome> {
  if (kind === 'drop') response.destroy()
  else if (!signal.aborted) await once(signal, 'abort')
  return 'faulted'
}
