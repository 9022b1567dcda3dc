import type { HandOffSession, Handoff, Session as SessionResource } from '@codesdkd/protocol'
import { findHandoff, nothingToHandOff, prepareHandoff, type HandoffWorld } from './handoff.ts'
import { createOneByOne } from './one-by-one.ts'
import type { Runtime, SessionRecord } from './ports.ts'
import type { Session } from './session.ts'

export interface HandoffsOptions extends HandoffWorld {
  /** Removes what runtimes kept for the session that had it before its present one. */
  readonly forget: (record: SessionRecord) => Promise<void>
  /** Told what could not be removed. */
  readonly notRemoved: (error: unknown, sessionId: string) => void
  /** Throws `unknown_runtime`. */
  readonly runtime: (name: string) => Runtime
  readonly resource: (sessionId: string) => SessionResource
  /** Throws `session_not_found`, and where no work may begin. */
  readonly load: (sessionId: string) => Session
  readonly release: (session: Session) => void
  /** Whoever needs it next opens it anew. */
  readonly drop: (session: Session) => void
}

export type HandOff = (sessionId: string, request: HandOffSession, requestId: string) => Promise<{ handoff: Handoff; replayed: boolean }>

/** Hands sessions off, of one session one after the other. Throws the problems of `POST /sessions/{id}/handoff`. */
export function createHandoffs(options: HandoffsOptions): HandOff {
  const oneByOne = createOneByOne()
  return (sessionId, request, requestId) => oneByOne(sessionId, () => handOff(sessionId, request, { requestId, ...options }))
}

async function handOff(
  sessionId: string,
  request: HandOffSession,
  { requestId, ...options }: HandoffsOptions & { readonly requestId: string },
): Promise<{ handoff: Handoff; replayed: boolean }> {
  const { log, forget, notRemoved, resource } = options
  const session = options.load(sessionId)
  try {
    const runtime = options.runtime(request.runtime)
    const { runtimeSessionId } = session.journal
    const done = await session.handOff((record) => prepareHandoff({ record, runtimeSessionId, runtime, request }, options), requestId)
    if (done) {
      options.drop(session)
      // What is left of the runtimes before goes with the session at the latest.
      await forget(session.record).catch((error: unknown) => notRemoved(error, sessionId))
    }
    const last = findHandoff(log, sessionId)
    if (last === null) throw nothingToHandOff(session.record)
    return { handoff: { session: resource(sessionId), ...last }, replayed: !done }
  } finally {
    options.release(session)
  }
}
