import { toOwnArtifacts, toOwnLog, type OwnArtifacts, type OwnLog } from '../core/own-log.ts'
import { toNamespace, toOwnSessions } from '../core/own-sessions.ts'
import { sessionNotFound } from '../core/unknown.ts'
import { toSight, type Principal } from '../core/rights.ts'
import type { HttpContext } from './context.ts'

/** What a handler works with: all that names a session shows those of whoever asks, and no handler is given anything else. */
export interface OwnContext extends Omit<HttpContext, 'log' | 'artifacts'> {
  readonly log: OwnLog
  readonly artifacts: OwnArtifacts
}

export function toOwnContext(context: HttpContext, { rights }: Principal): OwnContext {
  const { sessions, runtimes, bundles } = context
  const sees = toSight(rights, context.log)
  const own = { ...context, log: toOwnLog(context.log, sees), artifacts: toOwnArtifacts(context.artifacts, sees) }
  if (rights.namespaces === '*' && rights.sessions === null) return own
  return {
    ...own,
    sessions: toOwnSessions(sessions, rights, sees),
    runtimes: { ...runtimes, authStatus: async (name, namespace) => runtimes.authStatus(name, toNamespace(namespace, rights)) },
    bundles: {
      async build(id, options) {
        if (!sees(id)) throw sessionNotFound(id)
        return bundles.build(id, options)
      },
    },
  }
}
