import type { Change } from './change.ts'
import { Tail } from './tail.ts'

/** What is kept in memory of a session that is being written. */
export interface LiveSession {
  /** Its row; null until its first commit. */
  no: number | null
  /** seq of the last event that was queued. */
  queued: number
  /** seq of the last event that was committed. */
  committed: number
  /** Changes that wait for their commit. */
  pending: number
  /** The last of them, where further events may join it. */
  open: { readonly change: Change; readonly committed: Promise<void> } | null
  readonly tail: Tail
}

/** The sessions written last. Those that nobody has written to for the longest time are forgotten first, never one with changes that wait. */
export class LiveSessions {
  readonly #max: number
  // In order of use: a Map keeps the order of insertion.
  readonly #sessions = new Map<string, LiveSession>()

  constructor(max = 32) {
    this.#max = max
  }

  get size(): number {
    return this.#sessions.size
  }

  get(sessionId: string): LiveSession | undefined {
    return this.#sessions.get(sessionId)
  }

  forget(sessionId: string): void {
    this.#sessions.delete(sessionId)
  }

  /** Puts a session last in line to be forgotten. */
  keep(sessionId: string, live: LiveSession): void {
    this.#sessions.delete(sessionId)
    this.#sessions.set(sessionId, live)
    if (this.#sessions.size <= this.#max) return
    for (const [id, { pending }] of this.#sessions) {
      if (this.#sessions.size <= this.#max) return
      if (pending === 0 && id !== sessionId) this.#sessions.delete(id)
    }
  }
}

export function toLiveSession(row: { readonly no: number; readonly lastSeq: number } | null): LiveSession {
  const last = row?.lastSeq ?? 0
  return { no: row?.no ?? null, queued: last, committed: last, pending: 0, open: null, tail: new Tail({ position: ({ seq }) => seq }) }
}
