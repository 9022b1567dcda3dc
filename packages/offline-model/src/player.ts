import type { IncomingMessage, ServerResponse } from 'node:http'
import { chatCompletions } from './chat-completions.ts'
import { RequestError } from './dialect.ts'
import type { Dialect } from './dialect.ts'
import { generateContent } from './generate-content.ts'
import { HttpError, parseJson, readBody, sendJson, toUrl } from './http.ts'
import { toRecordedHeaders, toRecordedPath } from './journal.ts'
import type { JournalRecorder } from './journal.ts'
import { messages } from './messages.ts'
import { perform } from './performance.ts'
import { toReply } from './reply.ts'
import { responses } from './responses.ts'
import type { ScenarioFile } from './scenario.ts'
import { select } from './selection.ts'
import { isSideCall, toSideSelection } from './side-call.ts'

const dialects: readonly Dialect[] = [responses, messages, chatCompletions, generateContent]
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
    const side = isSideCall(conversation)
    const selection = side ? toSideSelection(conversation) : select(conversation, this.#file)
    const { scenario, legIndex, leg, promptIndex } = selection
    // Agents that do not name the conversation are told apart by where they work.
    const asked = JSON.stringify([conversation.id ?? conversation.cwd, scenario, promptIndex, legIndex])
    const attempt = side ? 1 : this.#nextAttempt(asked)
    const entry = { at: this.#now(), dialect: dialect.name, method, path: toRecordedPath(url), headers: toRecordedHeaders(request.headers) }
    const seq = this.#journal.record({ ...entry, scenario, side, leg: legIndex, attempt, conversation, body }, bytes.length)
    try {
      const reply = toReply(conversation, selection, attempt, dialect.mainAgent)
      const fault = leg.fault && attempt <= (leg.fault.times ?? Infinity) ? leg.fault : null
      this.#journal.settle(seq, await perform({ dialect, conversation, reply, delayMs: leg.delay_ms ?? 0, fault }, response))
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

function sendError(error: unknown, response: ServerResponse): void {
  if (response.headersSent || response.destroyed) return void response.destroy()
  const status = error instanceof HttpError ? error.status : error instanceof RequestError ? 400 : 500
  const message = error instanceof Error ? error.message : String(error)
  // The rest of a refused body is not read, so the connection cannot be used again.
  sendJson(response, status, { error: { message, type: 'offline_model' } }, { connection: 'close' })
}
