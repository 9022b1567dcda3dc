import * as z from 'zod'
import { permissionMode } from './tool-call.ts'
import { taskPhase } from './task.ts'

export const isolationLevel = z.enum(['shared', 'namespaced', 'ephemeral']).meta({ id: 'IsolationLevel' })
export type IsolationLevel = z.infer<typeof isolationLevel>
export const isolationMode = z.enum(['in_process', 'subprocess', 'server_side']).meta({ id: 'IsolationMode' })
export type IsolationMode = z.infer<typeof isolationMode>
export const confinement = z.enum(['sandbox', 'tool_paths', 'none']).meta({ id: 'Confinement' })
export type Confinement = z.infer<typeof confinement>

export const credentialNamespace = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'must be 1 to 64 of A-Z a-z 0-9 . _ - and begin with a letter or digit')

/** Body of `POST /sessions`. Everything is optional. */
export const createSession = z
  .object({
    runtime: z.string().min(1).max(64).optional(),
    credential_namespace: credentialNamespace.optional(),
    isolation_level: isolationLevel.optional(),
    isolation_mode: isolationMode.optional(),
    cwd: z.string().min(1).max(4096).optional(),
    env: z.record(z.string(), z.string()).nullable().optional(),
    model: z.string().min(1).max(256).optional(),
    permission_mode: permissionMode.optional(),
    escalation: z.enum(['deny', 'ask']).optional().describe('what `auto` does with a call that would leave the confinement'),
    trust_workspace: z
      .boolean()
      .optional()
      .describe(
        'whether the agent may obey what the workspace carries for it, such as MCP servers (false); what that is depends on the agent',
      ),
    runtime_config: z.record(z.string(), z.unknown()).optional(),
    approval_timeout_ms: z.int().min(1).max(2_147_483_647).optional(),
    title: z.string().max(256).optional(),
    metadata: z.record(z.string(), z.string().max(1024)).optional(),
  })
  .meta({ id: 'CreateSession' })
export type CreateSession = z.infer<typeof createSession>

/** A session is waiting for work (`idle`), or in the phase of its open task. */
export const sessionPhaseName = z
  .enum(['idle', 'closed', ...taskPhase.exclude(['completed', 'failed', 'stopped']).options])
  .meta({ id: 'SessionPhase' })
export type SessionPhase = z.infer<typeof sessionPhaseName>

export const session = z
  .object({
    session_id: z.string(),
    runtime: z.string(),
    runtime_session_id: z.string().nullable(),
    created_at: z.string(),
    model: z.string().nullable(),
    permission_mode: permissionMode,
    cwd: z.string(),
    credential_namespace: z.string(),
    isolation_level: isolationLevel,
    phase: sessionPhaseName,
    last_seq: z.int(),
    title: z.string().nullable(),
    metadata: z.record(z.string(), z.string()),
  })
  .meta({ id: 'Session' })
export type Session = z.infer<typeof session>

export const sessionList = z.object({ sessions: z.array(session), next_after: z.string().nullable() }).meta({ id: 'SessionList' })
