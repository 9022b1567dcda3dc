import { Problem } from '@codesdkd/protocol'
import type { SessionOperations } from './operations.ts'
import type { Rights, Sees } from './rights.ts'
import { sessionNotFound, unknownCursor } from './unknown.ts'

/**
 * The sessions as somebody with these rights sees them: to all that is asked of a foreign session the answer is that of an unknown one.
 * Every operation stands here once, or this does not compile.
 */
export function toOwnSessions(all: SessionOperations, rights: Rights, sees: Sees): SessionOperations {
  const own = (id: string) => {
    if (!sees(id)) throw sessionNotFound(id)
    return id
  }
  return {
    async create(request, options) {
      if (rights.sessions !== null) throw noNewSessions()
      const credential_namespace = toNamespace(request.credential_namespace ?? null, rights)
      return all.create({ ...request, credential_namespace }, { ...options, idempotencyKey: keyOf(credential_namespace, options) })
    },
    async fork(id, request, options) {
      const { credential_namespace } = all.get(own(id))
      if (rights.sessions !== null) throw noNewSessions()
      return all.fork(id, request, { ...options, idempotencyKey: keyOf(credential_namespace, options) })
    },
    get: (id) => all.get(own(id)),
    list(query) {
      if (query.after !== null && !sees(query.after)) throw unknownCursor('session', query.after)
      return all.list({ ...query, sees })
    },
    update: async (id, ...rest) => all.update(own(id), ...rest),
    handOff: async (id, ...rest) => all.handOff(own(id), ...rest),
    remove: async (id, ...rest) => all.remove(own(id), ...rest),
    upload: async (request) => all.upload({ ...request, session_id: own(request.session_id) }),
    submit: async (id, ...rest) => all.submit(own(id), ...rest),
    task: (id, ...rest) => all.task(own(id), ...rest),
    tasks: (id, ...rest) => all.tasks(own(id), ...rest),
    stop: async (id, ...rest) => all.stop(own(id), ...rest),
    decide: async (id, ...rest) => all.decide(own(id), ...rest),
    answer: async (id, ...rest) => all.answer(own(id), ...rest),
    replay: (id) => all.replay(own(id)),
    updateReplay: async (id, ...rest) => all.updateReplay(own(id), ...rest),
    stepReplay: async (id, ...rest) => all.stepReplay(own(id), ...rest),
    giveResult: async (id, ...rest) => all.giveResult(own(id), ...rest),
    writeOutput: async (id, ...rest) => all.writeOutput(own(id), ...rest),
    approvals: (page) => all.approvals({ ...page, sees }),
    questions: (page) => all.questions({ ...page, sees }),
    idle: (id) => all.idle(id === undefined ? undefined : own(id)),
    counts: () => all.counts(),
  }
}

/** The namespace that a request means, if it is one of those allowed; the first of them where it names none. Throws `namespace_not_allowed`. */
export function toNamespace(wish: string | null, { namespaces }: Rights): string {
  if (namespaces === '*') return wish ?? 'default'
  const namespace = wish ?? namespaces[0]
  if (namespace !== undefined && namespaces.includes(namespace)) return namespace
  throw new Problem('namespace_not_allowed', 'The token is for other credential namespaces.', { members: { allowed: [...namespaces] } })
}

function noNewSessions(): Problem {
  return new Problem('namespace_not_allowed', 'The token is for certain sessions, and makes no new ones.', { members: { allowed: [] } })
}

/** Keys of one namespace say nothing in another, nor to the owner: no key that is sent has a line end in it. */
function keyOf(namespace: string, { idempotencyKey }: { idempotencyKey: string | null }): string | null {
  return idempotencyKey === null ? null : `${namespace}\n${idempotencyKey}`
}
