import { createHash } from 'node:crypto'
import { Problem, type ForkSession } from '@codesdkd/protocol'
import { forkSession } from './fork.ts'
import type { ArtifactStore, Clock, EventLog, NewId, PendingEvent, SecretStore, SessionRecord } from './ports.ts'
import type { Masker } from './ports.ts'
import { toSecrets } from './redaction/secret-settings.ts'
import { toCreated, toForkOrigin } from './session-record.ts'
import { sessionNotFound } from './unknown.ts'

export interface ForksOptions {
  readonly log: EventLog
  readonly artifacts: ArtifactStore
  readonly clock: Clock
  readonly newId: NewId
  readonly hash: { readonly contentHash: (value: unknown) => string }
  readonly secrets: SecretStore
  readonly createMasker: (values: Iterable<string>) => Masker
}

export interface ForkRequest {
  readonly sessionId: string
  readonly request: ForkSession
  readonly requestId: string
  readonly idempotency: SessionRecord['idempotency']
}

type Forked = SessionRecord & { readonly forkedFrom: NonNullable<SessionRecord['forkedFrom']> }

/** Sessions that are being made of others. */
export class Forks implements AsyncDisposable {
  readonly #options: ForksOptions
  readonly #running = new Set<Promise<unknown>>()
  readonly #ending = new AbortController()

  constructor(options: ForksOptions) {
    this.#options = options
  }

  /** Resolves to the id of the new session; tasks that were open in it are so still. Throws the problems of `POST /sessions/{id}/fork`. */
  fork(request: ForkRequest): Promise<string> {
    this.#ending.signal.throwIfAborted()
    const running = this.#fork(request)
    const tracked = running.catch(() => undefined).finally(() => this.#running.delete(tracked))
    this.#running.add(tracked)
    return running
  }

  /** What is not whole yet is given up. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort(new Problem('shutting_down', 'The daemon is shutting down; there is no fork.'))
    await Promise.all(this.#running)
  }

  async #fork(given: ForkRequest): Promise<string> {
    const { log, artifacts, hash, secrets, newId } = this.#options
    const stored = log.session(given.sessionId)
    if (stored === null) throw sessionNotFound(given.sessionId)
    const record = this.#toRecord(secrets.reveal(stored.record), given)
    const env = secrets.load(stored.record)
    secrets.save(record, env)
    const masker = this.#options.createMasker([...Object.values(env), ...toSecrets(record.runtimeConfig)])
    const events = this.#toEvents(record, Object.keys(env), given.requestId).map((event) => ({ ...event, json: masker.mask(event.json) }))
    const [first, forked] = events
    if (first === undefined || forked === undefined) throw new Error('a fork has two events of its own')
    const salt = newId()
    try {
      await forkSession({
        log,
        artifacts,
        hash: hash.contentHash,
        toArtifactId: (id) => createHash('sha256').update(`${salt} ${id}`).digest('hex').slice(0, 32),
        record: { ...secrets.hide(record), forkedFrom: record.forkedFrom },
        events: [first, forked],
        signal: this.#ending.signal,
      })
    } catch (error) {
      this.#ending.signal.throwIfAborted()
      if (log.session(given.sessionId) === null) throw sessionNotFound(given.sessionId)
      throw error
    }
    return record.sessionId
  }

  #toRecord(record: SessionRecord, { sessionId, request, idempotency }: ForkRequest): Forked {
    const { log, clock, newId } = this.#options
    const last = log.lastSeq(sessionId)
    const afterSeq = request.after_seq ?? Math.max(1, log.lastEnd(sessionId))
    if (afterSeq > last) {
      throw new Problem('invalid_request', `after_seq is beyond the end of the log, which is ${last}.`, {
        members: { field: 'after_seq', limit: last, current: afterSeq },
      })
    }
    return {
      ...record,
      sessionId: `sess_${newId()}`,
      createdAt: clock.now(),
      title: request.title ?? record.title,
      metadata: request.metadata ?? record.metadata,
      archived: false,
      generation: 0,
      forkedFrom: { sessionId, afterSeq },
      idempotency,
    }
  }

  /** The first event, and the one that stands after those that are copied. */
  #toEvents(record: Forked, envNames: readonly string[], requestId: string): readonly PendingEvent[] {
    const { sessionId, runtime, model, permissionMode, title, metadata } = record
    const origin = toForkOrigin(record.forkedFrom)
    const settings = { runtime, model, permission_mode: permissionMode, title, metadata: { ...metadata } }
    const toEvent = (seq: number, type: string, payload: object): PendingEvent => {
      const envelope = { schema_version: 1, seq, time: this.#options.clock.now(), type }
      const trace = { session_id: sessionId, request_id: requestId }
      const runtimeRef = { name: runtime, ...(model === null ? {} : { model }) }
      return { sessionId, seq, type, json: JSON.stringify({ ...envelope, trace, runtime: runtimeRef, payload }) }
    }
    return [
      toEvent(1, 'session.created', toCreated(record, envNames)),
      toEvent(record.forkedFrom.afterSeq + 1, 'session.forked', { forked_from: origin, ...settings }),
    ]
  }
}
