import { setImmediate } from 'node:timers/promises'
import { Problem } from '@codesdkd/protocol'
import { within } from './acknowledge.ts'
import type { EventLog, SessionRecord } from './ports.ts'
import type { Session } from './session.ts'
import { sessionNotFound } from './unknown.ts'

export interface RemovalsOptions {
  readonly log: EventLog
  /** The sessions in memory; one that is removed is taken out. */
  readonly loaded: Map<string, Session>
  /** Erases what is stored of a discarded session, files and rows; may be done again after a failure. Rejects with the signal's reason too. */
  readonly erase: (record: SessionRecord, signal: AbortSignal) => Promise<void>
  readonly removed: (reason: RemovalReason) => void
  /** Told of failures that no client is told, or not with their cause. */
  readonly notRemoved: (error: unknown, sessionId: string) => void
}

export type RemovalReason = 'request' | 'retention'

/** Milliseconds within which tasks end that are stopped: an agent's grace, the end of its processes, and the commit. */
const STOP_LIMIT = 30_000
const PAGE = 200

/**
 * Deletes sessions: first a mark, durable and at once, after which nobody finds the session any more; then all that is stored of it.
 * Whatever ends the daemon between the two, the next sweep goes on with the second.
 */
export class Removals implements AsyncDisposable {
  readonly #options: RemovalsOptions
  readonly #running = new Map<string, Promise<void>>()
  readonly #ending = new AbortController()

  constructor(options: RemovalsOptions) {
    this.#options = options
  }

  /** See `SessionOperations.remove`. Who asks for the same again waits for the same end. */
  async remove(sessionId: string, { stop, reason }: { readonly stop: boolean; readonly reason: RemovalReason }): Promise<void> {
    this.#ending.signal.throwIfAborted()
    const running = this.#running.get(sessionId)
    if (running !== undefined) return running
    const { log, loaded, removed } = this.#options
    const stored = log.session(sessionId)
    if (stored === null) throw sessionNotFound(sessionId)
    const session = loaded.get(sessionId)
    if (!stop && session?.busy === true) throw session.busyProblem()
    return this.#track(sessionId, async () => {
      await this.#discard(sessionId, session)
      removed(reason)
      await this.#erase(stored.record)
    })
  }

  /** Goes on with what earlier removals have left. Failures are reported, and tried again by the next sweep. */
  async sweep(): Promise<void> {
    for (const record of this.#options.log.discarded()) {
      const { sessionId } = record
      if (this.#ending.signal.aborted) return
      if (!this.#running.has(sessionId)) await this.#track(sessionId, () => this.#erase(record)).catch(() => undefined)
    }
  }

  /**
   * Deletes sessions whose last event is older than `before` and that are not in memory: so none with an open task, a pending question
   * or a live agent. Resolves to their number; failures are reported.
   */
  async expire(before: string): Promise<number> {
    const { log, loaded, notRemoved } = this.#options
    let count = 0
    for (let after = 0; ;) {
      const page = log.ages(after, PAGE)
      if (page.length === 0) return count
      for (const { position, sessionId, lastTime } of page) {
        if (this.#ending.signal.aborted) return count
        after = position
        // Looked at once more, because a removal takes its time.
        if ((lastTime ?? before) >= before || loaded.has(sessionId) || (log.lastTime(sessionId) ?? before) >= before) continue
        try {
          await this.remove(sessionId, { stop: false, reason: 'retention' })
          count += 1
        } catch (error) {
          notRemoved(error, sessionId)
        }
      }
      await setImmediate()
    }
  }

  /** What is being erased stops between two steps. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort(
      new Problem('shutting_down', 'The daemon is shutting down; what is deleted and not erased yet is erased when it starts again.'),
    )
    await Promise.allSettled(this.#running.values())
  }

  #track(sessionId: string, work: () => Promise<void>): Promise<void> {
    const running = work().finally(() => this.#running.delete(sessionId))
    this.#running.set(sessionId, running)
    return running
  }

  /** Of a session that is not in memory nothing can begin before the mark: there is no wait in between. */
  async #discard(sessionId: string, session: Session | undefined): Promise<void> {
    const { log, loaded } = this.#options
    try {
      if (session !== undefined)
        await within(session.close('delete'), STOP_LIMIT, 'The tasks of the session have not ended; it is still there.')
      log.discard(sessionId)
      loaded.delete(sessionId)
    } catch (error) {
      session?.keep()
      if (session?.dormant === true && loaded.get(sessionId) === session) loaded.delete(sessionId)
      throw error
    }
  }

  async #erase(record: SessionRecord): Promise<void> {
    const { erase, notRemoved } = this.#options
    const { signal } = this.#ending
    try {
      await erase(record, signal)
    } catch (cause) {
      signal.throwIfAborted()
      notRemoved(cause, record.sessionId)
      throw new Problem(
        'storage_unavailable',
        'The session is deleted, but not all of it is erased; that is tried again within the hour.',
        {
          cause,
        },
      )
    }
  }
}
