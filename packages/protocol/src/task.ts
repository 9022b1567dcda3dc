import * as z from 'zod'
import { message } from './message.ts'
import { permissionMode } from './tool-call.ts'
import { jsonSchema, toolManifest } from './tool.ts'
import { usage } from './usage.ts'

export const taskStatus = z.enum(['running', 'completed', 'failed', 'stopped']).meta({ id: 'TaskStatus' })
export type TaskStatus = z.infer<typeof taskStatus>

export const taskPhase = z
  .enum(['queued', 'starting', 'running', 'waiting_approval', 'waiting_input', 'stopping', 'completed', 'failed', 'stopped'])
  .meta({ id: 'TaskPhase' })
export type TaskPhase = z.infer<typeof taskPhase>

/** Codes of `task.failed`; open-ended for clients, closed in the daemon. */
export const taskErrorCode = z.enum([
  'agent_not_installed',
  'agent_start_failed',
  'agent_start_timeout',
  'agent_exited',
  'agent_protocol_error',
  'agent_error',
  'auth_required',
  'rate_limited',
  'usage_limit_reached',
  'context_window_exceeded',
  'model_request_rejected',
  'model_unavailable',
  'model_stream_interrupted',
  'model_unreachable',
  'deadline_exceeded',
  'cwd_not_allowed',
  'sandbox_unavailable',
  'resume_failed',
  'output_schema_mismatch',
  'daemon_restarted',
  'daemon_error',
  'storage_unavailable',
])
export type TaskErrorCode = z.infer<typeof taskErrorCode>

export const taskError = z
  .object({
    code: taskErrorCode,
    message: z.string(),
    retryable: z.boolean(),
    exit_code: z.int().nullable().optional(),
    signal: z.string().nullable().optional(),
    stderr_tail: z.string().optional(),
  })
  .meta({ id: 'TaskError' })
export type TaskError = z.infer<typeof taskError>

/** The summary on every terminal event. Lists are cut at 200 entries; the totals count all. Times are milliseconds. */
export const receipt = z
  .object({
    files_changed: z.array(z.object({ path: z.string(), change: z.string() })),
    files_changed_total: z.int(),
    commands: z.array(z.object({ tool_call_id: z.string(), title: z.string(), exit_code: z.int().nullable(), is_error: z.boolean() })),
    commands_total: z.int(),
    approvals: z.object({
      approved: z.int(),
      denied: z.int(),
      by_user: z.int(),
      by_policy: z.int(),
      by_runtime: z.int(),
      by_daemon: z.int(),
    }),
    usage: usage.nullable(),
    model_calls: z
      .object({ total: z.int(), failed: z.int(), usage: usage.nullable() })
      .optional()
      .describe('calls of the model as they passed the daemon, and their tokens as the answers told them'),
    planted_configuration: z
      .array(z.object({ path: z.string(), change: z.enum(['add', 'edit', 'delete']) }))
      .optional()
      .describe('files changed during the task that other programs obey: look at them before you run such a program here'),
    cost_usd: z.number().nullable(),
    time_ms: z.object({ total: z.int(), model: z.int(), tool: z.int(), waiting_for_human: z.int(), queued: z.int() }),
  })
  .meta({ id: 'Receipt' })
export type Receipt = z.infer<typeof receipt>

/** What came of a task with an `output_schema`. One of both. */
export const taskOutput = z.object({
  output: z.unknown().optional().describe('the answer to an `output_schema`, as a value that fits it'),
  output_ref: z.string().optional().describe('artifact with that value, where it is long'),
})
export type TaskOutput = z.infer<typeof taskOutput>

/** What becomes of a task that comes while another one of its session is open. */
export const whenBusy = z.enum(['queue', 'steer', 'reject']).meta({ id: 'WhenBusy' })
export type WhenBusy = z.infer<typeof whenBusy>

export const taskId = z
  .string()
  .regex(/^[A-Za-z0-9._-]{1,128}$/, 'must be 1 to 128 of A-Z a-z 0-9 . _ -')
  .refine((id) => id !== '.' && id !== '..', 'must not be . or ..')

const milliseconds = z.int().min(1).max(2_147_483_647)

/** Body of `POST /sessions/<id>/tasks`. */
export const createTask = z
  .object({
    messages: z.array(message).min(1).max(10_000),
    task_id: taskId.optional(),
    permission_mode: permissionMode.optional(),
    runtime_config: z.record(z.string(), z.unknown()).optional(),
    tool_manifest: toolManifest.optional(),
    timeout_ms: milliseconds.optional(),
    approval_timeout_ms: milliseconds.optional(),
    output_schema: jsonSchema
      .optional()
      .describe('JSON Schema 2020-12 of the answer; `$ref` only inside itself. What fits it is the `output` of the task'),
    when_busy: whenBusy
      .optional()
      .describe(
        'while another task of the session is open: `queue` (default) waits for its turn, `steer` gives the messages to the agent in the turn that runs, `reject` is refused',
      ),
  })
  .meta({ id: 'CreateTask' })
export type CreateTask = z.infer<typeof createTask>

export const taskStarted = z
  .object({
    session_id: z.string(),
    task_id: z.string(),
    status: z.literal('started'),
    phase: taskPhase,
    last_seq: z.int(),
    steered_into: z.string().optional().describe('the running task that the messages have joined; this one has ended'),
  })
  .meta({ id: 'TaskStarted' })
export type TaskStarted = z.infer<typeof taskStarted>

export const task = z
  .object({
    session_id: z.string(),
    task_id: z.string(),
    status: taskStatus,
    last_seq: z.int().describe("seq of the task's own last event"),
    phase: taskPhase,
    first_seq: z.int().optional().describe("seq of the task's own first event; missing in tasks of an earlier version"),
    created_at: z.string(),
    started_at: z.string().nullable(),
    ended_at: z.string().nullable(),
    usage: usage.nullable(),
    reason: z.string().optional(),
    steered_into: z.string().optional().describe('with reason `steered`: the task that the messages have joined'),
    error: taskError.optional(),
    ...taskOutput.shape,
    receipt: receipt.optional(),
  })
  .meta({ id: 'Task' })
export type Task = z.infer<typeof task>

export const taskList = z.object({ tasks: z.array(task), next_after: z.string().nullable() }).meta({ id: 'TaskList' })
export type TaskList = z.infer<typeof taskList>

/** How much of what an agent does is stopped. */
export const stopScope = z.enum(['turn', 'task', 'tree']).meta({ id: 'StopScope' })
export type StopScope = z.infer<typeof stopScope>

/** Body of `POST /sessions/<id>/tasks/<id>/stop`. */
export const stopTask = z
  .object({
    scope: stopScope
      .optional()
      .describe(
        '`task` (default) ends the task; `turn` interrupts it where it runs, and leaves it where it waits; `tree` ends the agent and every process that it started too',
      ),
  })
  .meta({ id: 'StopTask' })
export type StopTask = z.infer<typeof stopTask>

const stoppedProcess = z
  .object({
    pid: z.int().describe('as the machine of the daemon counts; inside of a sandbox it has another number'),
    name: z.string().describe('what it calls itself, without its arguments'),
  })
  .meta({ id: 'StoppedProcess' })
export type StoppedProcess = z.infer<typeof stoppedProcess>

export const stopResponse = z
  .object({
    ok: z.literal(true),
    task_id: z.string(),
    status: taskStatus,
    scope: stopScope,
    processes: z
      .object({
        found: z.array(stoppedProcess).describe("the agent's processes that were alive, sandbox and agent included; at most 100"),
        found_total: z.int(),
        ended: z.int().describe('how many of them are gone'),
        alive: z.array(stoppedProcess).describe('those that are not; at most 100'),
      })
      .nullable()
      .describe('where a scope was named and something ran, with `tree` always; null where the machine does not tell'),
  })
  .partial({ scope: true, processes: true })
  .meta({ id: 'StopResponse' })
export type StopResponse = z.infer<typeof stopResponse>
