import * as z from 'zod'
import { createSession, credentialNamespace, session, sessionList, sessionPhaseName, updateSession } from '@codesdkd/protocol'
import { idempotencyKey } from './idempotency-key.ts'
import { paging } from './query.ts'
import { rawRoute, route } from './route.ts'

export const sessionRoutes = [
  route({
    method: 'GET',
    path: '/sessions',
    operationId: 'listSessions',
    tag: 'sessions',
    verb: 'sessions:read',
    summary: 'Sessions, oldest first',
    description:
      'Those created since the start of the daemon that are not archived; `scope=all` lists every session of the data directory, `scope=archived` those of them that are.',
    errors: ['invalid_cursor'],
    query: z.object({
      ...paging,
      scope: z.enum(['daemon', 'archived', 'all']).default('daemon'),
      runtime: z.string().max(64).optional(),
      credential_namespace: credentialNamespace.optional(),
      phase: sessionPhaseName.optional(),
    }),
    returns: sessionList,
    handle({ query, context }) {
      const { items, next_after } = context.sessions.list({
        scope: query.scope,
        after: query.after ?? null,
        limit: query.limit,
        ...(query.runtime === undefined ? {} : { runtime: query.runtime }),
        ...(query.credential_namespace === undefined ? {} : { credentialNamespace: query.credential_namespace }),
        ...(query.phase === undefined ? {} : { phase: query.phase }),
      })
      return { value: { sessions: [...items], next_after } }
    },
  }),
  route({
    method: 'POST',
    path: '/sessions',
    operationId: 'createSession',
    tag: 'sessions',
    verb: 'sessions:write',
    summary: 'Create a session',
    description: 'Starts no agent; the first task does.',
    requestHeaders: { 'Idempotency-Key': 'The same request with the same key can be sent again safely: it makes one session.' },
    errors: [
      'session_read_only',
      'unknown_runtime',
      'invalid_env',
      'cwd_not_allowed',
      'namespace_not_allowed',
      'isolation_not_allowed',
      'unsupported_isolation_mode',
      'permission_mode_not_allowed',
      'root_not_allowed',
      'sandbox_not_allowed',
      'sandbox_unavailable',
      'idempotency_key_reused',
      'shutting_down',
    ],
    startsWork: true,
    body: createSession,
    status: 201,
    returns: session,
    responseHeaders: { 'Idempotent-Replay': '`true` when the same request was accepted before and nothing new was done' },
    async handle({ body, exchange, context }) {
      const options = { requestId: exchange.id, idempotencyKey: idempotencyKey(exchange) }
      const { session: created, replayed } = await context.sessions.create(body, options)
      return { value: created, headers: replayed ? { 'idempotent-replay': 'true' } : {} }
    },
  }),
  route({
    method: 'GET',
    path: '/sessions/{session_id}',
    operationId: 'getSession',
    tag: 'sessions',
    verb: 'sessions:read',
    summary: 'One session',
    errors: ['session_not_found'],
    returns: session,
    handle: ({ params, context }) => ({ value: context.sessions.get(params.session_id) }),
  }),
  route({
    method: 'PATCH',
    path: '/sessions/{session_id}',
    operationId: 'updateSession',
    tag: 'sessions',
    verb: 'sessions:write',
    summary: 'Change settings of a session',
    description:
      'A JSON merge patch: what is left out stays, null takes away. What has changed is an event, `session.updated`. `permission_mode` and `model` count from the next ' +
      'task that starts. With `archived: true` the session takes no tasks until `archived: false`; while a task is open it is 409. All else is fixed.',
    errors: ['session_not_found', 'session_busy', 'session_read_only', 'permission_mode_not_allowed', 'shutting_down'],
    startsWork: true,
    body: updateSession,
    returns: session,
    handle: async ({ params, body, exchange, context }) => ({
      value: await context.sessions.update(params.session_id, body, { requestId: exchange.id }),
    }),
  }),
  rawRoute({
    method: 'DELETE',
    path: '/sessions/{session_id}',
    operationId: 'deleteSession',
    tag: 'sessions',
    verb: 'sessions:write',
    summary: 'Delete a session and all that is kept of it',
    description:
      'Its events, tasks, artifacts, variables, and the directories of its agent; the workspace is left as it is. While a task is open it is 409, unless `stop=true` ends ' +
      'what is open first. Event streams of the session end. With the answer it is gone from the disk; 503 `storage_unavailable` says what is left.',
    errors: ['session_not_found', 'session_busy', 'session_read_only', 'shutting_down'],
    startsWork: true,
    query: z.object({ stop: z.enum(['true', 'false']).default('false').describe('`true`: stop open tasks, and wait for their end') }),
    success: { status: 204, description: 'The session is deleted', content: {} },
    async handle({ params, query, context }) {
      await context.sessions.remove(params.session_id, { stop: query.stop === 'true' })
      return { status: 204, headers: {}, body: null }
    },
  }),
]
