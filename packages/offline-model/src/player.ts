import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { RequestError } from './dialect.ts'
import type { Dialect } from './dialect.ts'
import { HttpError, parseJson, readBody, sendJson, toUrl } from './http.ts'
import { toRecordedHeaders, toRecordedPath } from './journal.ts'
import type { JournalRecorder } from './journal.ts'
import { play } from './playback.ts'
import type { Outcome } from './playback.ts'
import { toReply } from './reply.ts'
import type { Reply } from './reply.ts'
import { responses } from './responses.ts'
import type { Fault, Leg, ScenarioFile } from './scenario.ts'
import { select } from './selection.ts'

const dialects: readonly Dialect[] = [responses]
const BODY_LIMIT = 64 * 1024 * 1024
const ATTEMPTS_LIMIT = 10_000

/** Answers HTTP requests with the legs of scenarios. */
export class Player {
  readonly #journal: JournalRecorder
  readonly #now: () => number
  readonly #attempts = new Map<string, number>()
  #file: ScenarioFile

  constructor(file: ScenarioFile, journal: JournalRecorder, now: () => number) {
    this.#file = file
    this.#journal = journal
    this.#now = now
  }

  setScenarios(file: ScenarioFile): void {
    this.#file = file
    this.#attempts.clear()
  }

  /** Never rejects. */
  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const url = toUrl(request)
      const method = request.method ?? 'GET'
      if (method === 'GET' && url.pathname === '/healthz') return sendJson(response, 200, { status: 'ok' })
      if (method === 'GET' && url.pathname === '/journal') return sendJson(response, 200, { entries: this.#journal.entries })
      const dialect = dialects.find((candidate) => candidate.accepts(method, url.pathname))
      if (!dialect) throw new HttpError(404, `no dialect answers ${method} ${url.pathname}`)
      await this.#answer(dialect, method, url, request, response)
    } catch (error) {
      sendError(error, response)
    }
  }

  async #answer(dialect: Dialect, method: string, url: URL, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const bytes = await readBody(request, BODY_LIMIT)
    const body = parseJson(bytes)
    const conversation = dialect.read(body, request.headers, url.pathname)
    const selection = select(conversation, this.#file)
    const { scenario, legIndex, leg, promptIndex } = selection
    const attempt = this.#nextAttempt(JSON.stringify([conversation.id, scenario, promptIndex, legIndex]))
    const seq = this.#journal.record(
      {
        at: this.#now(),
        dialect: dialect.name,
        method,
        path: toRecordedPath(url),
        headers: toRecordedHeaders(request.headers),
        scenario,
        leg: legIndex,
        attempt,
        conversation,
        body,
      },
      bytes.length,
    )
    const fault = leg.fault && attempt <= (leg.fault.times ?? Infinity) ? leg.fault : null
    try {
      this.#journal.settle(seq, await perform(dialect, toReply(conversation, selection, attempt), leg, fault, response))
    } catch (error) {
      this.#journal.settle(seq, 'aborted')
      if (!response.destroyed) throw error
    }
  }

  #nextAttempt(key: string): number {
    const attempt = (this.#attempts.get(key) ?? 0) + 1
    this.#attempts.delete(key)
    this.#attempts.set(key, attempt)
    const [oldest] = this.#attempts.keys()
    if (this.#attempts.size > ATTEMPTS_LIMIT && oldest !== undefined) this.#attempts.delete(oldest)
    return attempt
  }
}

/** Rejects if the agent goes away. */
async function perform(dialect: Dialect, reply: Reply, leg: Leg, fault: Fault | null, response: ServerResponse): Promise<Outcome> {
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
  const { signal } = abort
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  response.flushHeaders()
  const options = { delayMs: leg.delay_ms ?? 0, stopAfter: fault?.after_chunks ?? null, signal }
  const sent = await play(dialect.render(reply), response, options)
  if (fault) return fail(dialect, reply, fault, sent > 0, response, signal)
  response.end()
  return 'completed'
}

async function fail(
  dialect: Dialect,
  reply: Reply,
  fault: Exclude<Fault, { kind: 'refuse' | 'status' }>,
  started: boolean,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<Outcome> {
  switch (fault.kind) {
    case 'drop':
      response.destroy()
      return 'faulted'
    case 'hang':
      if (!signal.aborted) await once(signal, 'abort')
      return 'faulted'
    case 'failed':
      await play(dialect.renderFailure(reply, fault, started), response, { delayMs: 0, stopAfter: null, signal })
      response.end()
      return 'faulted'
    default:
      return fault satisfies never
  }
}

function sendError(error: unknown, response: ServerResponse): void {
  if (response.headersSent || response.destroyed) return void response.destroy()
  const status = error instanceof HttpError ? error.status : error instanceof RequestError ? 400 : 500
  const message = error instanceof Error ? error.message : String(error)
  // The rest of a refused body is not read, so the connection cannot be used again.
  sendJson(response, status, { error: { message, type: 'offline_model' } }, { connection: 'close' })
}
