import * as z from 'zod'
import { sandboxMode } from '@codesdkd/protocol'
import { issueKinds } from './context.ts'
import type { OwnContext } from './own-context.ts'

/** Tags that a client can test for before it relies on what daemon-api.md does not promise. */
export const features = [
  'after_seq',
  'approvals_list',
  'artifact_range',
  'artifact_upload',
  'camel_case_requests',
  'event_filter',
  'global_events',
  'idempotency_key',
  'idempotent_task_id',
  'problem_json',
  'sandbox',
  'sse_id',
  'scoped_tokens',
  'sse_resync',
  'task_list',
  'task_phase',
  'task_receipt',
  'task_timeout',
  'transcript',
  'until_idle',
] as const

export const status = z
  .object({
    ok: z.literal(true),
    name: z.literal('codesdkd'),
    version: z.string(),
    state: z.enum(['starting', 'ready', 'stopping']),
    features: z.array(z.string()).describe('tags to test for'),
    auth: z.enum(['same-user', 'token', 'none']),
    started_at: z.string(),
    startup_ms: z.record(z.string(), z.number()),
    limits: z.record(z.string(), z.number()),
    sandbox: z
      .object({
        mode: sandboxMode,
        available: z.boolean(),
        kind: z.enum(['bubblewrap', 'seatbelt']).nullable(),
        reason: z.string().optional().describe('why there is none'),
        remedy: z.string().optional(),
      })
      .describe('the sandbox around agents: what the daemon was told, and what this machine has'),
    counts: z.object({
      sessions_loaded: z.int(),
      tasks_running: z.int(),
      tasks_queued: z.int(),
      approvals_pending: z.int(),
      agents_live: z.int(),
    }),
    storage: z.object({ ok: z.boolean(), log_id: z.string(), last_cursor: z.int(), sessions: z.int(), events: z.int(), bytes: z.int() }),
    issues: z.array(
      z.object({
        kind: z.enum(issueKinds),
        severity: z.enum(['info', 'warning', 'error']),
        message: z.string(),
        hint: z.string().nullable(),
      }),
    ),
  })
  .meta({ id: 'Status' })

export function toStatus({ daemon, access, limits, sessions, log }: OwnContext): z.infer<typeof status> {
  const { sessions_loaded, tasks_running, tasks_queued, approvals_pending, agents_live } = sessions.counts()
  return {
    ok: true,
    name: 'codesdkd',
    version: daemon.version,
    state: daemon.state(),
    features: [...features],
    auth: access.auth,
    started_at: daemon.startedAt,
    startup_ms: { ...daemon.startup },
    limits: {
      max_body_bytes: limits.bodyBytes,
      max_task_body_bytes: limits.taskBodyBytes,
      max_sse_clients: limits.sseClients,
      ...daemon.limits,
    },
    sandbox: { ...daemon.sandbox },
    counts: { sessions_loaded, tasks_running, tasks_queued, approvals_pending, agents_live },
    storage: { ok: log.writable, log_id: log.logId, last_cursor: log.lastCursor(), ...log.stats() },
    issues: daemon.issues().map((issue) => ({ ...issue })),
  }
}
