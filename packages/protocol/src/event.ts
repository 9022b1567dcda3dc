import * as z from 'zod'
import { handoffReceipt } from './handoff.ts'
import { message } from './message.ts'
import { answeredBy, answerOutcome } from './question.ts'
import { confinement, forkOrigin, isolationLevel, isolationMode, sandboxMode } from './session.ts'
import { receipt, taskError, taskOutput } from './task.ts'
import { callIdentity, confinementDenial, decidedBy, permissionMode, policySnapshot, remember, toolCall } from './tool-call.ts'
import { usage } from './usage.ts'

const outputBlock = z.discriminatedUnion('type', [
  z.object({ type: z.literal('text'), text: z.string() }),
  z.object({ type: z.literal('code'), code: z.string(), language: z.string().optional() }),
  z.object({ type: z.literal('reasoning'), text: z.string() }),
  z.object({ type: z.literal('artifact_ref'), artifact_id: z.string(), media_type: z.string().optional(), name: z.string().optional() }),
])
export type OutputBlock = z.infer<typeof outputBlock>

const actor = z.string().optional().describe('name of the token that the person used; absent for the owner of the daemon')
const newMessages = z.object({ messages: z.array(message) })
const remembered = remember.optional().describe('of a connection: for how long the decision counts; the task where it is not told')
const steeredInto = z.string().optional().describe('with reason `steered`: the running task that its messages have joined')
const terminal = z.object({ reason: z.string(), error: taskError.optional(), receipt })

/**
 * Event type -> payload. The one table from which types, validation and OpenAPI components come.
 * Fields may be added; none is ever removed or given another meaning.
 */
export const payloads = {
  'session.created': z
    .object({
      contract_version: z.literal(1),
      runtime: z.string(),
      model: z.string().nullable(),
      permission_mode: permissionMode,
      escalation: z.enum(['deny', 'ask']),
      cwd: z.string(),
      credential_namespace: z.string(),
      isolation_level: isolationLevel,
      isolation_mode: isolationMode,
      confinement,
      sandbox: z
        .object({
          mode: sandboxMode,
          writable_roots: z.array(z.string()),
          readable_roots: z.array(z.string()),
          network: z.object({ allow: z.array(z.string()) }),
        })
        .optional()
        .describe('what was asked of the sandbox; `confinement` says what holds'),
      trust_workspace: z.boolean().optional(),
      env_names: z.array(z.string()).describe('names only, never values'),
      runtime_config: z.record(z.string(), z.unknown()),
      title: z.string().nullable(),
      metadata: z.record(z.string(), z.string()),
      forked_from: forkOrigin.optional().describe('set where the events up to that place are copies of those of another session'),
    })
    .describe('The session exists. Its settings, without secrets; the first event of every log.'),
  'session.updated': z
    .object({
      changed: z.looseObject({
        title: z.string().nullable().optional(),
        metadata: z.record(z.string(), z.string()).optional().describe('all of it, as it is now'),
        permission_mode: permissionMode.optional(),
        model: z.string().nullable().optional(),
        archived: z.boolean().optional(),
      }),
      changed_by: z.enum(['user', 'daemon']).optional().describe('`user`: a client asked for it'),
    })
    .describe('Settings that changed, with their new values. Permission mode and model count from the next task that starts.'),
  'session.handed_off': z
    .object(handoffReceipt.shape)
    .describe(
      'Another runtime goes on with the session, or the same one anew: it is named in the envelope from here on. The conversation of the one before is not taken up again; the next task begins with the transcript.',
    ),
  'session.forked': z
    .object({
      forked_from: forkOrigin,
      runtime: z.string(),
      model: z.string().nullable(),
      permission_mode: permissionMode,
      title: z.string().nullable(),
      metadata: z.record(z.string(), z.string()),
    })
    .describe(
      'The events before this one are copies of those of another session; here the new session begins, with these settings. Tasks that were open there end here.',
    ),
  'session.closed': z.object({ reason: z.string() }).describe('The session takes no more tasks.'),
  'session.context_restored': z
    .object({
      source: z.enum(['native_resume', 'transcript']),
      messages_carried: z.int(),
      messages_omitted: z.int(),
      messages_cut: z.int().optional().describe('of those carried: only a part of them is there'),
      characters: z.int().describe('of text that is carried'),
      images_carried: z.int().optional(),
      images_omitted: z.int().optional().describe('of messages that are carried'),
      truncated: z.boolean().describe('not all of the text is there'),
      note: z.string().optional(),
    })
    .describe('A conversation was taken up again: how much of it the agent has before it.'),
  'task.queued': newMessages
    .extend({ steers: z.string().optional().describe('the running task that its messages are to join') })
    .describe('A task was accepted and waits its turn.'),
  'task.started': newMessages.describe(
    'A task was accepted and begins. Its own new messages, without those that the session already held.',
  ),
  'task.steered': newMessages
    .extend({ steered_by: z.string().describe('`task_id` of the task that brought the messages; it has ended with `steered`') })
    .describe('The agent was given further messages in the middle of this task. They stand here in the conversation.'),
  'model.input': z
    .object({
      input_ref: z.string().describe('artifact with what the daemon handed over'),
      input_hash: z.string(),
      context_window: z.int().nullable(),
      implicit_sources_ref: z
        .string()
        .nullable()
        .describe('artifact with the files of the workspace that the agent reads by itself: names and hashes; null where none is known'),
    })
    .describe('What the daemon handed over to the agent, as an artifact and its hash.'),
  'runtime.request.started': z
    .object({ request_id: z.string().optional(), model: z.string().nullable() })
    .describe('A call of the model begins, as the daemon passes it on.'),
  'runtime.request.completed': z
    .object({
      request_id: z.string().optional(),
      model: z.string().nullable(),
      duration_ms: z.number().optional(),
      first_byte_ms: z.number().nullable().optional().describe('until the answer began; null where there was none'),
      status: z.int().nullable().optional().describe('HTTP status of the answer; null where the endpoint could not be reached'),
      usage: usage.nullable().optional().describe('tokens as the answer itself told them'),
    })
    .describe('A call of the model has ended: what the daemon saw pass by.'),
  'model.output.delta': z
    .object({
      kind: z.enum(['text_delta', 'json_delta', 'code_delta', 'reasoning_delta', 'unknown_delta']),
      block_id: z.string(),
      delta: z.string(),
      tool_call_id: z.string().optional(),
      language: z.string().optional(),
    })
    .describe('A piece of a block of output as it is written. Best effort for display; the completed block is what counts.'),
  'model.output.discarded': z.object({ block_id: z.string() }).describe('The agent began this block anew: what was shown of it is void.'),
  'model.output.completed': z
    .object({
      block_id: z.string().optional(),
      content: z.array(outputBlock),
      partial: z.boolean().optional(),
    })
    .describe(
      'A block of output is whole. The deltas of a block that was not discarded concatenate to its text; `partial` where a stop or a crash cut it.',
    ),
  'plan.updated': z
    .object({
      entries: z.array(
        z.object({
          text: z.string(),
          status: z.enum(['pending', 'in_progress', 'completed']),
          priority: z.enum(['high', 'medium', 'low']).optional(),
        }),
      ),
      explanation: z.string().optional(),
    })
    .describe("The agent's plan, whole, each time it changes."),
  'tool.call.requested': callIdentity
    .extend({ runtime_tool_call_id: z.string().optional(), ...toolCall.shape })
    .describe('The agent wants to run something. `attempt` rises when the same native call asks again.'),
  'tool.call.policy_evaluated': callIdentity
    .extend({
      source: z.enum(['runtime', 'codesdk', 'user']),
      result: z.enum(['allow', 'deny', 'ask']),
      rule: z.string(),
      expires_at: z.string().optional().describe('when a pending question is denied by itself'),
    })
    .describe("Somebody judged the call: the agent's own rules, the daemon's policy, a person. `ask`: it waits for a person now."),
  'tool.call.approved': callIdentity
    .extend({ decided_by: decidedBy, actor, reason: z.string().optional(), policy_snapshot: policySnapshot, remember: remembered })
    .describe('The call may run. One of approved and denied per call and attempt.'),
  'tool.call.denied': callIdentity
    .extend({ decided_by: decidedBy, actor, reason: z.string().optional(), policy_snapshot: policySnapshot, remember: remembered })
    .describe('The call does not run. One of approved and denied per call and attempt.'),
  'tool.call.started': callIdentity.extend({ executed_by: z.enum(['codesdk', 'runtime', 'host']) }).describe('The call runs.'),
  'tool.output.delta': callIdentity
    .extend({ stream: z.enum(['stdout', 'stderr', 'output']), delta: z.string() })
    .describe('Output as it is written. Best effort; `tool.output.completed` replaces it.'),
  'tool.output.completed': callIdentity
    .extend({ result_preview: z.string(), result_ref: z.string().optional(), truncated: z.boolean() })
    .describe('The whole output: a preview, and the rest as an artifact where it is long.'),
  'tool.call.completed': callIdentity
    .extend({
      name: z.string(),
      executed_by: z.enum(['codesdk', 'runtime', 'host']),
      execution_env: z.enum(['sandbox', 'host', 'unknown']),
      policy_snapshot: policySnapshot,
      result_preview: z.string(),
      result_ref: z.string().optional(),
      is_error: z.boolean(),
      exit_code: z.int().nullable().optional(),
      duration_ms: z.number().nullable(),
      confinement_denials: z
        .array(confinementDenial)
        .optional()
        .describe('what the sandbox refused while the call ran: why it may have failed'),
    })
    .describe('The call has ended. Without `tool.call.started` before it: nobody saw it begin before it was over with its task.'),
  'file.changed': z
    .object({
      path: z.string(),
      change: z.enum(['add', 'edit', 'delete', 'move']),
      moved_to: z.string().optional(),
      diff: z.string().optional(),
      diff_ref: z.string().optional(),
      tool_call_id: z.string().optional(),
    })
    .describe('A file changed, as the agent tells. `diff` where it is short, `diff_ref` where it is long.'),
  'question.asked': z
    .object({
      question_id: z.string(),
      title: z.string(),
      schema: z.unknown().describe('JSON Schema of the content of an answer'),
      expires_at: z.string().optional().describe('when the question is declined by itself'),
    })
    .describe('The agent asks the person something; it waits for the answer.'),
  'question.answered': z
    .object({
      question_id: z.string(),
      outcome: answerOutcome,
      answered_by: answeredBy,
      actor,
      content: z.record(z.string(), z.unknown()).optional().describe('the answer, where it was given'),
      reason: z.string().optional(),
    })
    .describe('The question is settled. Exactly one for each question, before the end of its task.'),
  'usage.reported': usage
    .extend({ scope: z.enum(['call', 'task']), context_window: z.int().nullable().optional() })
    .describe('Tokens and cost. What is not known is null, never 0.'),
  'runtime.notice': z
    .object({
      level: z.enum(['info', 'warning', 'error']),
      kind: z.string().describe('a name for what it is; the native method where nothing is known of it'),
      message: z.string(),
      data: z.unknown().optional(),
    })
    .describe('Anything the agent said that has no other place; warnings; limits.'),
  'task.completed': terminal
    .extend({ ...taskOutput.shape, steered_into: steeredInto })
    .describe('The task has ended: the agent is done. The last event of its task.'),
  'task.failed': terminal.extend({ error: taskError }).describe('The task has ended with an error. The last event of its task.'),
  'task.stopped': terminal.describe('The task has ended because somebody stopped it. The last event of its task.'),
} as const

export type EventType = keyof typeof payloads
export type Payload<T extends EventType> = z.infer<(typeof payloads)[T]>

export const eventTypes: readonly EventType[] = Object.keys(payloads).filter(isEventType)

export function isEventType(value: string): value is EventType {
  return Object.hasOwn(payloads, value)
}

export const terminalTypes = ['task.completed', 'task.failed', 'task.stopped'] as const
export type TerminalType = (typeof terminalTypes)[number]

export function isTerminal(type: string): type is TerminalType {
  return (terminalTypes as readonly string[]).includes(type)
}

const trace = z.object({ session_id: z.string(), task_id: z.string().optional(), request_id: z.string().optional() })
const runtimeRef = z.object({ name: z.string(), model: z.string().optional(), runtime_session_id: z.string().optional() })

const envelope = {
  schema_version: z.literal(1),
  seq: z.int().min(1).describe('gapless from 1 per session'),
  time: z.string().describe('RFC 3339 UTC; order is by seq, time may go back'),
  trace,
  runtime: runtimeRef,
}

/** The schema of one type of event. */
export function eventSchema<T extends EventType>(type: T) {
  return z.object({ ...envelope, type: z.literal(type), payload: payloads[type] })
}

/** Any event, as clients may meet it: a newer daemon may send types that are not in the table. */
export const event = z
  .looseObject({ ...envelope, type: z.string(), payload: z.looseObject({}) })
  .meta({ id: 'Event', description: 'The envelope of every event. Clients must tolerate types that they do not know.' })

interface Envelope {
  readonly schema_version: 1
  readonly seq: number
  readonly time: string
  readonly trace: z.infer<typeof trace>
  readonly runtime: z.infer<typeof runtimeRef>
}

/** A stored event: what the log keeps, what clients read. */
export type Event = { [T in EventType]: Envelope & { readonly type: T; readonly payload: Payload<T> } }[EventType]
export type EventOf<T extends EventType> = Extract<Event, { type: T }>

/** An event before the daemon gives it seq, time, trace and runtime. */
export type NewEvent = {
  [T in EventType]: { readonly type: T; readonly task_id?: string; readonly request_id?: string; readonly payload: Payload<T> }
}[EventType]

export const eventPage = z.object({ events: z.array(event), next_seq: z.int(), has_more: z.boolean() }).meta({ id: 'EventPage' })
export type EventPage = z.infer<typeof eventPage>
