import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { Conversation } from './conversation.ts'
import type { Outcome } from './playback.ts'

/** One request that reached the model. */
export interface JournalEntry {
  /** Counts from 1. */
  readonly seq: number
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly dialect: string
  readonly method: string
  readonly path: string
  /** Lower case names. A credential is replaced by its fingerprint, e.g. `Bearer sha256:1f2e3d4c5b6a7988`. */
  readonly headers: Readonly<Record<string, string>>
  /** The scenario that answers; null for the fallback, and for a side call. */
  readonly scenario: string | null
  /** Whether the agent asked for something beside the conversation (see side-call.ts). It then has no part in scenarios. */
  readonly side: boolean
  readonly leg: number
  /** How often this conversation asked for this leg, from 1. */
  readonly attempt: number
  readonly conversation: Conversation
  /** The request's JSON as sent. */
  readonly body: unknown
  /** `playing` until the answer has ended. */
  readonly outcome: Outcome | 'playing'
}

export interface JournalOptions {
  /** Older entries are forgotten. Default 1000. */
  readonly maxEntries?: number | undefined
  /** Bound of the bytes of all request bodies that are kept. Default 64 MiB. The latest entry is always kept. */
  readonly maxBytes?: number | undefined
}

/** The requests the model saw, oldest first. */
export interface Journal {
  readonly entries: readonly JournalEntry[]
  /** The first entry, past or future, that satisfies the predicate. It is asked again when an entry's outcome is known. Rejects with the signal's reason, or when the model stops. */
  waitFor(predicate: (entry: JournalEntry) => boolean, signal?: AbortSignal): Promise<JournalEntry>
  /** Whether the request carried this secret as its credential. */
  carries(entry: JournalEntry, secret: string): boolean
}

interface Waiter {
  readonly predicate: (entry: JournalEntry) => boolean
  readonly resolve: (entry: JournalEntry) => void
  readonly reject: (reason: unknown) => void
}

/** The journal's writing side. */
export class JournalRecorder implements Journal {
  readonly #maxEntries: number
  readonly #maxBytes: number
  readonly #kept: { entry: JournalEntry; readonly bytes: number }[] = []
  readonly #waiters = new Set<Waiter>()
  #bytes = 0
  #seq = 0

  constructor({ maxEntries = 1000, maxBytes = 64 * 1024 * 1024 }: JournalOptions = {}) {
    this.#maxEntries = maxEntries
    this.#maxBytes = maxBytes
  }

  get entries(): readonly JournalEntry[] {
    return this.#kept.map(({ entry }) => entry)
  }

  /** `bytes` is the size of the body. Returns the entry's seq. */
  record(entry: Omit<JournalEntry, 'seq' | 'outcome'>, bytes: number): number {
    this.#seq += 1
    const recorded: JournalEntry = { seq: this.#seq, ...entry, outcome: 'playing' }
    this.#kept.push({ entry: recorded, bytes })
    this.#bytes += bytes
    while (this.#kept.length > this.#maxEntries || (this.#bytes > this.#maxBytes && this.#kept.length > 1)) {
      this.#bytes -= this.#kept.shift()?.bytes ?? 0
    }
    this.#wake(recorded)
    return this.#seq
  }

  settle(seq: number, outcome: Outcome): void {
    const kept = this.#kept.find(({ entry }) => entry.seq === seq)
    if (!kept) return
    kept.entry = { ...kept.entry, outcome }
    this.#wake(kept.entry)
  }

  waitFor(predicate: (entry: JournalEntry) => boolean, signal?: AbortSignal): Promise<JournalEntry> {
    const past = this.entries.find(predicate)
    if (past) return Promise.resolve(past)
    if (signal?.aborted) return Promise.reject(signal.reason)
    const { promise, resolve, reject } = Promise.withResolvers<JournalEntry>()
    const waiter: Waiter = { predicate, resolve, reject }
    const abort = (): void => reject(signal?.reason)
    this.#waiters.add(waiter)
    signal?.addEventListener('abort', abort, { once: true })
    return promise.finally(() => {
      this.#waiters.delete(waiter)
      signal?.removeEventListener('abort', abort)
    })
  }

  carries(entry: JournalEntry, secret: string): boolean {
    return Object.values(entry.headers).some((value) => value.endsWith(fingerprint(secret)))
  }

  /** Rejects everyone who still waits. */
  close(): void {
    for (const waiter of this.#waiters) waiter.reject(new Error('the offline model has stopped'))
  }

  #wake(entry: JournalEntry): void {
    for (const waiter of this.#waiters) {
      try {
        if (waiter.predicate(entry)) waiter.resolve(entry)
      } catch (error) {
        waiter.reject(error)
      }
    }
  }
}

const CREDENTIALS = new Set(['authorization', 'proxy-authorization', 'x-api-key', 'x-goog-api-key', 'api-key', 'cookie'])

/** Headers as recorded: credentials only as fingerprints. */
export function toRecordedHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const entries = Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)] as const]))
  return Object.fromEntries(entries.map(([name, value]) => [name, CREDENTIALS.has(name) ? toFingerprint(value) : value]))
}

/** The path as recorded: Gemini may carry its key in the query. */
export function toRecordedPath(url: URL): string {
  const query = new URLSearchParams(url.searchParams)
  const key = query.get('key')
  if (key !== null) query.set('key', fingerprint(key))
  return query.size === 0 ? url.pathname : `${url.pathname}?${query.toString()}`
}

function toFingerprint(value: string): string {
  const [, scheme, secret = value] = /^(Bearer|Basic) +(.*)$/i.exec(value) ?? []
  return scheme === undefined ? fingerprint(secret) : `${scheme} ${fingerprint(secret)}`
}

// Half of the digest: enough to compare, and no use to anyone who finds the journal.
const fingerprint = (secret: string): string => `sha256:${createHash('sha256').update(secret).digest('hex').slice(0, 16)}`
