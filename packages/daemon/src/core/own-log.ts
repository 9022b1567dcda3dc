import type { ArtifactStore, EventLog, StoredEvent } from './ports.ts'
import type { Sees } from './rights.ts'

/** A stretch of the daemon-wide log, without what is foreign in it. */
export interface Stretch {
  readonly events: readonly StoredEvent[]
  /** Place of the last event that was looked at, own or not; null at the end of the log. */
  readonly end: number | null
}

/** What can be read of the log by somebody. */
export interface OwnLog extends Pick<
  EventLog,
  'logId' | 'writable' | 'read' | 'frames' | 'lastSeq' | 'lastCursor' | 'watch' | 'watchAll' | 'sessionsWithOpenTasks' | 'stats'
> {
  readAll(after: number, limit: number, weight?: number): Stretch
}

export type OwnArtifacts = Pick<ArtifactStore, 'meta' | 'content'>

/** The log as somebody sees it: foreign sessions are unknown, and their events are passed over. */
export function toOwnLog(log: EventLog, sees: Sees): OwnLog {
  return {
    logId: log.logId,
    get writable() {
      return log.writable
    },
    read: (sessionId, after, limit, weight) => (sees(sessionId) ? log.read(sessionId, after, limit, weight) : []),
    frames: (sessionId, after, weight) => (sees(sessionId) ? log.frames(sessionId, after, weight) : null),
    lastSeq: (sessionId) => (sees(sessionId) ? log.lastSeq(sessionId) : 0),
    lastCursor: () => log.lastCursor(),
    watch: (sessionId, listener) => log.watch(sessionId, listener),
    watchAll: (listener) => log.watchAll(listener),
    sessionsWithOpenTasks: () => log.sessionsWithOpenTasks().filter(sees),
    stats: () => log.stats(),
    readAll(after, limit, weight) {
      const events = log.readAll(after, limit, weight)
      return { events: events.filter(({ sessionId }) => sees(sessionId)), end: events.at(-1)?.cursor ?? null }
    },
  }
}

/** Artifacts of the sessions that somebody sees. */
export function toOwnArtifacts(artifacts: OwnArtifacts, sees: Sees): OwnArtifacts {
  const meta: OwnArtifacts['meta'] = (id) => {
    const found = artifacts.meta(id)
    return found !== null && sees(found.sessionId) ? found : null
  }
  return {
    meta,
    async content(id) {
      if (meta(id) === null) throw new Error('the content of a foreign artifact was asked for')
      return artifacts.content(id)
    },
  }
}
