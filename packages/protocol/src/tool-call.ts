import * as z from 'zod'
import { toolPermission } from './tool.ts'

/** Tool kinds, as the Agent Client Protocol names them. */
export const toolKind = z.enum(['read', 'edit', 'delete', 'move', 'search', 'execute', 'think', 'fetch', 'other']).meta({ id: 'ToolKind' })
export type ToolKind = z.infer<typeof toolKind>

export const location = z.object({ path: z.string(), line: z.int().optional() })

/** What names one attempt of one call, everywhere. */
export const callIdentity = z.object({
  tool_call_id: z.string(),
  attempt: z.int().min(1),
  input_hash: z.string().describe('sha256: + hex of SHA-256 over the RFC 8785 JSON of {name, input} that will be executed'),
})
export type CallIdentity = z.infer<typeof callIdentity>

/** What an agent wants to run. */
export const toolCall = z.object({
  name: z.string(),
  kind: toolKind,
  title: z.string(),
  input: z.unknown(),
  input_source: z.literal('described').optional().describe('set where the agent shows no native input'),
  locations: z.array(location).optional(),
  diff: z.string().optional().describe('unified diff of an edit'),
  escalated: z.boolean().optional().describe('the agent asks to leave its sandbox for this call'),
  reason: z.string().optional().describe("the agent's own justification"),
  permission: toolPermission.optional().describe('of a tool that the agent does not run itself: what it may do, as whoever offers it says'),
  executed_by: z
    .enum(['codesdk', 'host'])
    .optional()
    .describe('who runs it, where that is not the agent: a tool of the daemon, or one that the host offered in the manifest'),
  gate: z
    .literal('network')
    .optional()
    .describe('set where the sandbox itself asks, for a connection to another host; never set for a tool of the agent'),
})
export type ToolCall = z.infer<typeof toolCall>

export const decidedBy = z.enum(['user', 'policy', 'runtime', 'daemon'])
export type DecidedBy = z.infer<typeof decidedBy>

export const permissionMode = z.enum(['auto', 'ask', 'yolo']).meta({ id: 'PermissionMode' })
export type PermissionMode = z.infer<typeof permissionMode>

export const policySnapshot = z.object({
  permission_mode: permissionMode,
  decision: z.enum(['allow', 'deny', 'ask']),
  sources: z.array(z.string()).describe('the rules that decided, in order'),
})
export type PolicySnapshot = z.infer<typeof policySnapshot>

/** Something that the sandbox refused. */
export const confinementDenial = z
  .object({
    kind: z.enum(['network', 'file']),
    target: z.string().max(4096).describe('`host:port`, or a path'),
    reason: z.string(),
    source: z.enum(['sandbox', 'output']).describe('who says so: the sandbox itself, or a message in the output of the call'),
  })
  .meta({ id: 'ConfinementDenial' })
/** What the wall refused to a running task. */
export type ConfinementDenial = z.infer<typeof confinementDenial>

/** How long an approval or denial of a connection counts: for the task, or for the whole session. */
export const remember = z.enum(['task', 'session'])
export type Remember = z.infer<typeof remember>

/** Body of approve. */
export const approveRequest = z
  .object({
    attempt: z.int().min(1),
    input_hash: z.string(),
    remember: remember.optional().describe('of a connection (kind `fetch`, name `network`) only: for how long the decision counts (task)'),
  })
  .meta({ id: 'ApproveRequest', example: { attempt: 1, input_hash: 'sha256:…' } })
export type ApproveRequest = z.infer<typeof approveRequest>

/** Body of deny. `reason` reaches the model where the runtime has a channel for it. */
export const denyRequest = approveRequest
  .extend({ reason: z.string().max(4096).optional().describe('at most 4 KB') })
  .meta({ id: 'DenyRequest' })
export type DenyRequest = z.infer<typeof denyRequest>

export const decisionResponse = z
  .object({ ok: z.literal(true), tool_call_id: z.string(), decision: z.enum(['approved', 'denied']) })
  .meta({ id: 'DecisionResponse' })
export type DecisionResponse = z.infer<typeof decisionResponse>

/** One entry of `GET /approvals`: a call that waits for a person. */
export const approval = callIdentity
  .extend({
    session_id: z.string(),
    task_id: z.string(),
    runtime: z.string(),
    ...toolCall.shape,
    asked_at: z.string(),
    expires_at: z.string().nullable(),
  })
  .meta({ id: 'Approval' })
export type Approval = z.infer<typeof approval>

export const approvalList = z.object({ approvals: z.array(approval), next_after: z.string().nullable() }).meta({ id: 'ApprovalList' })
export type ApprovalList = z.infer<typeof approvalList>
