import { forkSession, handoff, handOffSession, session } from '@codesdkd/protocol'
import { idempotencyKey } from './idempotency-key.ts'
import { route } from './route.ts'

const replay = { 'Idempotent-Replay': '`true` when the same request was accepted before and nothing new was done' }

/** What a session goes on as: with another runtime, or as a second one. */
export const successionRoutes = [
  route({
    method: 'POST',
    path: '/sessions/{session_id}/handoff',
    operationId: 'handOffSession',
    tag: 'sessions',
    verb: 'sessions:write',
    summary: 'Let another runtime go on with a session',
    description:
      'The same session and the same log; the event `session.handed_off` is the receipt of what went over. The agent before it is ended, and what it remembered is not taken ' +
      'up again: the next task begins with the transcript. While a task is open it is 409. The same request again, before anything has happened since, gets the same answer.',
    errors: [
      'session_not_found',
      'session_busy',
      'session_archived',
      'session_read_only',
      'unknown_runtime',
      'agent_not_installed',
      'invalid_env',
      'unsupported_isolation_mode',
      'permission_mode_not_allowed',
      'sandbox_unavailable',
      'cwd_not_allowed',
      'shutting_down',
    ],
    startsWork: true,
    body: handOffSession,
    returns: handoff,
    responseHeaders: replay,
    async handle({ params, body, exchange, context }) {
      const { handoff: value, replayed } = await context.sessions.handOff(params.session_id, body, { requestId: exchange.id })
      return { value, headers: replayed ? { 'idempotent-replay': 'true' } : {} }
    },
  }),
  route({
    method: 'POST',
    path: '/sessions/{session_id}/fork',
    operationId: 'forkSession',
    tag: 'sessions',
    verb: 'sessions:write',
    summary: 'Make a second session out of the past of one',
    description:
      'Its log holds copies of the events up to `after_seq`, with their numbers, and is its own: deleting either session changes nothing in the other. Tasks that were open there ' +
      'are stopped in it (`forked`). Its settings are those of the session now. The workspace is the same, and is not copied. It takes time in proportion to the log.',
    requestHeaders: { 'Idempotency-Key': 'The same request with the same key can be sent again safely: it makes one session.' },
    errors: ['session_not_found', 'session_read_only', 'namespace_not_allowed', 'idempotency_key_reused', 'shutting_down'],
    startsWork: true,
    body: forkSession,
    status: 201,
    returns: session,
    responseHeaders: replay,
    async handle({ params, body, exchange, context }) {
      const options = { requestId: exchange.id, idempotencyKey: idempotencyKey(exchange) }
      const { session: forked, replayed } = await context.sessions.fork(params.session_id, body, options)
      return { value: forked, headers: replayed ? { 'idempotent-replay': 'true' } : {} }
    },
  }),
]
