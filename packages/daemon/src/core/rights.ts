import type { Verb } from '@codesdkd/protocol'
import { verbs } from '@codesdkd/protocol'
import type { EventLog } from './ports.ts'

/** What somebody may do: these verbs, to sessions of these namespaces, and of those perhaps to a few only. */
export interface Rights {
  readonly namespaces: '*' | readonly string[]
  /** Null: every session of the namespaces. */
  readonly sessions: ReadonlySet<string> | null
  readonly verbs: ReadonlySet<Verb>
}

/** Who asks. */
export interface Principal {
  readonly kind: 'owner' | 'named' | 'scoped'
  /** Stands in the log beside what a person decides; null for the owner of the daemon. */
  readonly name: string | null
  readonly rights: Rights
  /** Aborted when the token expires or is revoked. */
  readonly ended: AbortSignal
}

/** Whoever holds the daemon's own token, or needs none. */
export const owner: Principal = {
  kind: 'owner',
  name: null,
  rights: { namespaces: '*', sessions: null, verbs: new Set(verbs) },
  ended: new AbortController().signal,
}

export type Sees = (sessionId: string) => boolean

/** Which sessions there are for somebody. An unknown session is no other than a foreign one, except to those who may see all. */
export function toSight({ namespaces, sessions }: Rights, log: Pick<EventLog, 'session'>): Sees {
  if (namespaces === '*') return (id) => sessions?.has(id) ?? true
  // A session never changes its namespace.
  const own = new Set<string>()
  return (id) => {
    if (sessions?.has(id) === false) return false
    if (own.has(id)) return true
    const namespace = log.session(id)?.record.credentialNamespace
    if (namespace === undefined || !namespaces.includes(namespace)) return false
    own.add(id)
    return true
  }
}
