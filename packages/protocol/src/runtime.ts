import * as z from 'zod'
import { confinement, isolationMode } from './session.ts'

/** What one kind of agent can do. Each flag is proved or disproved by a conformance test. */
export const capabilities = z
  .object({
    runtime: z.string(),
    supports_streaming: z.boolean(),
    supports_tool_calls: z.boolean(),
    supports_parallel_tool_calls: z.boolean(),
    supports_stop: z.boolean(),
    supports_artifacts: z.boolean(),
    supports_session_create: z.boolean(),
    supports_session_resume: z.boolean(),
    supports_usage_reporting: z.boolean(),
    supports_non_interactive: z.boolean(),
    supports_steer: z.boolean(),
    supports_questions: z.boolean(),
    supports_host_tools: z.boolean(),
    supports_attachments: z.boolean(),
    supports_deny_reason: z.boolean(),
    supports_output_schema: z
      .enum(['native', 'validated'])
      .describe('`native`: the agent holds its model to an `output_schema` that allows it; the daemon checks the answer in every case'),
    confinement,
    max_outstanding_tool_calls: z.int().nullable(),
    auth_model: z.enum(['login', 'api_key', 'login_or_api_key', 'none']),
    tool_execution_model: z.enum(['runtime', 'daemon', 'host']),
    permission_model: z.enum(['request', 'callback', 'mode', 'none']),
    state_model: z.enum(['runtime_owned', 'daemon_owned']),
    resume_model: z.enum(['native', 'transcript', 'none']),
    tool_replay_safety: z.enum(['never_replayed', 'may_replay']),
    mcp_support: z.enum(['native', 'none']),
    mcp_transports: z.array(z.enum(['stdio', 'streamable_http', 'sse'])),
    cancellation_model: z.enum(['interrupt', 'kill']),
    supported_isolation_modes: z.array(isolationMode),
    recommended_isolation_mode: isolationMode,
    models: z.array(z.string()).optional(),
    notes: z.array(z.string()).optional().describe('what cannot be held back or told, in plain words'),
  })
  .meta({ id: 'Capabilities' })
export type Capabilities = z.infer<typeof capabilities>

export const authModel = capabilities.shape.auth_model

/** Login metadata that is safe to show: never a secret, never a path. */
export const authStatus = z
  .object({
    ok: z.boolean(),
    runtime: z.string(),
    logged_in: z.boolean(),
    auth_model: authModel,
    account_label: z.string().optional(),
    login_hint: z.string().optional(),
  })
  .meta({ id: 'AuthStatus' })
export type AuthStatus = z.infer<typeof authStatus>

export const health = z
  .object({
    ok: z.boolean(),
    runtime: z.string(),
    version: z.string().nullable(),
    installed: z.boolean(),
    checked_at: z.string(),
    auth: authStatus.omit({ ok: true, runtime: true }),
    error: z.object({ reason: z.string(), message: z.string() }).optional(),
  })
  .meta({ id: 'Health' })
export type Health = z.infer<typeof health>

/** What a capability may say. */
const capabilityValue = z.union([z.boolean(), z.number(), z.string(), z.null()])
export type CapabilityValue = z.infer<typeof capabilityValue>

export const capabilityDifference = z
  .object({ capability: z.string(), declared: capabilityValue, measured: capabilityValue })
  .meta({ id: 'CapabilityDifference' })
export type CapabilityDifference = z.infer<typeof capabilityDifference>

/** One short experiment on the installed agent. */
export const probe = z
  .object({
    name: z.string(),
    capability: z.string().nullable().describe('the flag that it measures; null where no flag says anything about it'),
    declared: capabilityValue,
    measured: capabilityValue.describe('null: it could not be told'),
    ok: z.boolean().describe('it could be told, and is what was declared'),
    detail: z.string(),
    duration_ms: z.int().nonnegative(),
  })
  .meta({ id: 'Probe' })
export type Probe = z.infer<typeof probe>

/** What short experiments on the installed agent have shown. */
export const verification = z
  .object({
    runtime: z.string(),
    agent_version: z.string().nullable(),
    verified_at: z.string(),
    probes: z.array(probe),
    differences: z.array(capabilityDifference),
  })
  .meta({ id: 'Verification' })
export type Verification = z.infer<typeof verification>

/** What is remembered of the last verification. */
const verified = {
  verified_at: z.string().nullable().describe('when the capabilities were last measured; null: never'),
  stale: z.boolean().describe('another version of the agent is installed by now than the one that was measured'),
}

/** What a runtime declares, and what was measured. */
export const measuredCapabilities = capabilities
  .extend({
    agent_version: z.string().nullable().describe('the version that was measured'),
    ...verified,
    differences: z.array(capabilityDifference).describe('where measurement and declaration differ'),
  })
  .meta({ id: 'MeasuredCapabilities' })
export type MeasuredCapabilities = z.infer<typeof measuredCapabilities>

/** Why this executable: it was named, `codesdkd agents install` put it there, it came beside the daemon, it is on the PATH. */
export const executableSource = z.enum(['configured', 'installed', 'packaged', 'path'])
export type ExecutableSource = z.infer<typeof executableSource>

/** One line of the list of runtimes: never a path. */
export const runtimeSummary = health
  .pick({ runtime: true, version: true, installed: true, checked_at: true, auth: true, error: true })
  .extend({
    aliases: z.array(z.string()),
    default: z.boolean(),
    healthy: z.boolean(),
    executable_source: executableSource.nullable(),
    confinement: confinement.describe('what holds for a session that asks for nothing'),
    ...verified,
  })
  .meta({ id: 'RuntimeSummary' })
export type RuntimeSummary = z.infer<typeof runtimeSummary>

export const runtimeList = z.object({ runtimes: z.array(runtimeSummary) }).meta({ id: 'RuntimeList' })
export type RuntimeList = z.infer<typeof runtimeList>
