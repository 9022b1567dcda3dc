import * as z from 'zod'
import { permissionMode } from './tool-call.ts'
import { taskPhase } from './task.ts'

export const isolationLevel = z.enum(['shared', 'namespaced', 'ephemeral']).meta({ id: 'IsolationLevel' })
export type IsolationLevel = z.infer<typeof isolationLevel>
export const isolationMode = z.enum(['in_process', 'subprocess', 'server_side']).meta({ id: 'IsolationMode' })
export type IsolationMode = z.infer<typeof isolationMode>
export const confinement = z.enum(['sandbox', 'tool_paths', 'none']).meta({ id: 'Confinement' })
export type Confinement = z.infer<typeof confinement>

export const sandboxMode = z.enum(['auto', 'require', 'off']).meta({ id: 'SandboxMode' })
export type SandboxMode = z.infer<typeof sandboxMode>

const root = z.string().min(1).max(4096)
const model = z.string().min(1).max(256)
const title = z.string().max(256)
const metadataValue = z.string().max(1024)

/** Hosts that a wall lets through: a name, `*.` and a name for all below it, or `*`; each with a port or without. */
export const hostPattern = z
  .string()
  .max(260)
  .regex(
    /^(\*|(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?)(:[0-9]{1,5})?$/i,
    'must be a host such as packages.example.com, *.example.org or example.com:8443, or *',
  )
  .refine((pattern) => {
    const port = Number(/:(\d+)$/.exec(pattern)?.[1] ?? 443)
    return port >= 1 && port <= 65_535
  }, 'has a port that is none')
export const network = z.object({ allow: z.array(hostPattern).max(256).optional() }).meta({ id: 'Network' })

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
    model: model.optional(),
    permission_mode: permissionMode.optional(),
    escalation: z.enum(['deny', 'ask']).optional().describe('what `auto` does with a call that would leave the confinement'),
    trust_workspace: z
      .boolean()
      .optional()
      .describe(
        'whether the agent may obey what the workspace carries for it, such as MCP servers (false); what that is depends on the agent',
      ),
    sandbox: sandboxMode
      .optional()
      .describe(
        '`require`: refused where no sandbox can be had; `off`: without one, where the daemon allows that (as the daemon was started)',
      ),
    writable_roots: z.array(root).max(64).optional().describe('directories beside `cwd` that the sandbox lets the agent write'),
    readable_roots: z.array(root).max(64).optional().describe('files and directories that the sandbox lets the agent read'),
    network: network.optional().describe('hosts that the sandbox lets the agent reach beside its model'),
    runtime_config: z.record(z.string(), z.unknown()).optional(),
    approval_timeout_ms: z.int().min(1).max(2_147_483_647).optional(),
    title: title.optional(),
    metadata: z.record(z.string(), metadataValue).optional(),
  })
  .meta({ id: 'CreateSession' })
export type CreateSession = z.infer<typeof createSession>

/** Body of `PATCH /sessions/{id}`, a JSON merge patch: what is left out stays, null takes away. */
export const updateSession = z
  .object({
    title: title.nullable().optional(),
    metadata: z
      .record(z.string(), metadataValue.nullable())
      .nullable()
      .optional()
      .describe('merged into what is there: null takes a key away, or in place of the object all of them'),
    permission_mode: permissionMode.optional().describe('from the next task that starts'),
    model: model.nullable().optional().describe('from the next task that starts; null leaves the choice to the agent'),
    archived: z
      .boolean()
      .optional()
      .describe('an archived session takes no tasks and stands in no list but `scope=archived` and `scope=all`'),
  })
  .meta({ id: 'UpdateSession' })
export type UpdateSession = z.infer<typeof updateSession>

/** A session is waiting for work (`idle`), or in the phase of its open task. */
export const sessionPhaseName = z
  .enum(['idle', 'closed', ...taskPhase.exclude(['completed', 'failed', 'stopped']).options])
  .meta({ id: 'SessionPhase' })
export type SessionPhase = z.infer<typeof sessionPhaseName>

/** Where the log of a fork comes from. */
export const forkOrigin = z
  .object({ session_id: z.string(), after_seq: z.int().describe('the last event that both have') })
  .meta({ id: 'ForkOrigin' })
export type ForkOrigin = z.infer<typeof forkOrigin>

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
    archived: z.boolean(),
    forked_from: forkOrigin.nullable(),
    read_only: z.literal(true).optional().describe('it is a replay: nothing can be asked of it; absent where it is none'),
  })
  .meta({ id: 'Session' })
export type Session = z.infer<typeof session>

export const sessionList = z.object({ sessions: z.array(session), next_after: z.string().nullable() }).meta({ id: 'SessionList' })
export type SessionList = z.infer<typeof sessionList>
