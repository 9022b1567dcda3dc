import { Problem, type Session } from '@codesdkd/protocol'
import type { SessionOperations } from './operations.ts'
import type { Replay } from './replay.ts'

/**
 * The sessions of a daemon that replays: they can be read like any others, and nothing can be asked of them. Every operation stands here
 * once, or this does not compile.
 */
export function toReplayedSessions(all: SessionOperations, replay: Replay): SessionOperations {
  const refuse = async (id: string): Promise<never> => {
    all.get(id)
    throw new Problem('session_read_only', 'The session is a replay of what happened elsewhere: no agent is behind it.', {
      members: { session_id: id },
    })
  }
  return {
    async create() {
      throw new Problem('session_read_only', 'This daemon replays a support bundle: no session begins here.')
    },
    get: (id) => readOnly(all.get(id)),
    list(query) {
      const { items, next_after } = all.list(query)
      return { items: items.map(readOnly), next_after }
    },
    update: refuse,
    handOff: refuse,
    fork: refuse,
    remove: refuse,
    upload: ({ session_id }) => refuse(session_id),
    submit: refuse,
    task: (id, taskId) => all.task(id, taskId),
    tasks: (id, page) => all.tasks(id, page),
    stop: refuse,
    decide: refuse,
    answer: refuse,
    replay: (id) => (id === replay.sessionId ? replay.progress : all.replay(id)),
    updateReplay: async (id, request) => (id === replay.sessionId ? replay.change(request) : all.updateReplay(id, request)),
    stepReplay: async (id, { events }) => (id === replay.sessionId ? replay.step(events) : all.stepReplay(id, {})),
    giveResult: refuse,
    writeOutput: refuse,
    approvals: (query) => all.approvals(query),
    questions: (query) => all.questions(query),
    idle: (id) => all.idle(id),
    counts: () => all.counts(),
  }
}

function readOnly(session: Session): Session {
  return { ...session, read_only: true }
}
