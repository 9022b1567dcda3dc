import type { Event, EventOf, Payload } from './event.ts'
import { emptyLayers, findLayered, putLayered, type LayeredMap } from './layered-map.ts'
import { addReceiptEvent, closeTime, emptyLedger, type Ledger } from './ledger.ts'
import type { SessionPhase } from './session.ts'
import type { Receipt, TaskError, TaskOutput, TaskPhase, TaskStatus } from './task.ts'
import type { CallIdentity, DecidedBy, PermissionMode, PolicySnapshot, Remember, ToolCall } from './tool-call.ts'
import type { Usage } from './usage.ts'

export type ToolCallPhase = 'requested' | 'pending' | 'approved' | 'denied' | 'started' | 'completed'

/** One attempt of one tool call, as far as it has come. */
export interface ToolCallState extends CallIdentity {
  readonly runtime_tool_call_id: string | undefined
  readonly call: ToolCall
  readonly phase: ToolCallPhase
  readonly requested_at: string
  readonly expires_at: string | null
  readonly decided_by: DecidedBy | null
  readonly denied_reason?: string
  /** For how long the decision about a connection counts, where a person said so. */
  readonly remember?: Remember
  /** True once the call was put to a person; only such calls can be approved or denied over HTTP. */
  readonly put_to_person: boolean
  readonly snapshot: PolicySnapshot | null
  readonly started_at: string | null
}

/** A question of the agent that waits for an answer. */
export interface QuestionState {
  readonly question_id: string
  readonly title: string
  readonly schema: unknown
  readonly asked_at: string
  readonly expires_at: string | null
}

export interface TaskState {
  readonly task_id: string
  readonly status: TaskStatus
  readonly phase: TaskPhase
  readonly created_at: string
  readonly started_at: string | null
  readonly ended_at: string | null
  readonly first_seq: number
  readonly last_seq: number
  readonly usage: Usage | null
  readonly reason?: string
  /** With reason `steered`: the task that its messages have joined. */
  readonly steered_into?: string
  readonly error?: TaskError
  /** What an `output_schema` asked for. */
  readonly result?: TaskOutput
  readonly receipt?: Receipt
  /** Calls that have not ended. */
  readonly calls: ReadonlyMap<string, ToolCallState>
  /** Calls that were denied or have completed; apart, so that no event walks over them or copies them. See `findCall`. */
  readonly closed_calls: LayeredMap<ToolCallState>
  /** The agent's own id of a call -> ours. */
  readonly call_ids: LayeredMap<string>
  /** Output blocks that have deltas and no end yet: block id -> its kind and the seq of its first delta. */
  readonly blocks: ReadonlyMap<string, { readonly kind: string; readonly first_seq: number }>
  /** Questions that wait for an answer. */
  readonly questions: ReadonlyMap<string, QuestionState>
  /** Questions that are settled, and how. */
  readonly answers: ReadonlyMap<string, Payload<'question.answered'>>
  readonly ledger: Ledger
}

/** A session as the fold of its log. */
export interface SessionState {
  readonly session_id: string
  readonly last_seq: number
  readonly created: EventOf<'session.created'>['payload'] | null
  readonly closed: boolean
  /** Who goes on with it; null before its first event. */
  readonly runtime: string | null
  readonly runtime_session_id: string | null
  readonly permission_mode: PermissionMode
  readonly model: string | null
  readonly title: string | null
  readonly metadata: Readonly<Record<string, string>>
  readonly archived: boolean
  /** Tasks in the order of their acceptance. The daemon forgets ended ones (`forgetEnded`); a client may keep them. */
  readonly tasks: ReadonlyMap<string, TaskState>
}

export function emptyState(sessionId: string): SessionState {
  return {
    session_id: sessionId,
    last_seq: 0,
    created: null,
    closed: false,
    runtime: null,
    runtime_session_id: null,
    permission_mode: 'ask',
    model: null,
    title: null,
    metadata: {},
    archived: false,
    tasks: new Map(),
  }
}

/** Folds one event into the state. Total: an event of an unknown type or of an unknown task changes only `last_seq`. */
export function evolve(state: SessionState, event: Event): SessionState {
  switch (event.type) {
    case 'session.created':
      return { ...moved(state, event), created: event.payload, runtime: event.payload.runtime, ...toSettings(event.payload) }
    case 'session.updated':
      return { ...moved(state, event), ...toSettings(event.payload.changed) }
    case 'session.handed_off':
      return { ...moved(state, event), ...toSuccessor(event.payload.to) }
    case 'session.forked':
      return { ...moved(state, event), ...toSuccessor(event.payload), ...toSettings(event.payload), archived: false }
    case 'session.closed':
      return { ...moved(state, event), closed: true }
    default:
      return moved(state, event, evolveTasks(state.tasks, event))
  }
}

function moved(state: SessionState, { seq, runtime }: Event, tasks = state.tasks): SessionState {
  return { ...state, last_seq: seq, runtime_session_id: runtime.runtime_session_id ?? state.runtime_session_id, tasks }
}

function evolveTasks(tasks: SessionState['tasks'], event: Event): SessionState['tasks'] {
  const taskId = event.trace.task_id
  if (taskId === undefined) return tasks
  const before = tasks.get(taskId) ?? (isTaskStart(event) ? newTask(taskId, event) : undefined)
  return before?.status === 'running' ? new Map(tasks).set(taskId, evolveTask(before, event)) : tasks
}

/** Those of the settings that can change, as far as the event tells them. */
function toSettings({ permission_mode, model, title, metadata, archived }: Payload<'session.updated'>['changed']): Partial<SessionState> {
  return {
    ...(permission_mode === undefined ? {} : { permission_mode }),
    ...(model === undefined ? {} : { model }),
    ...(title === undefined ? {} : { title }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(archived === undefined ? {} : { archived }),
  }
}

/** Another agent goes on, with a conversation of its own. */
function toSuccessor({ runtime, model }: Payload<'session.handed_off'>['to']): Partial<SessionState> {
  return { runtime, model, runtime_session_id: null }
}

/** The state without its ended tasks, so that a long session stays small in memory. */
export function forgetEnded(state: SessionState): SessionState {
  // After every event of a session somebody asks, and almost always there is nothing to forget.
  if (!hasEnded(state.tasks)) return state
  return { ...state, tasks: new Map([...state.tasks].filter(([, task]) => task.status === 'running')) }
}

function hasEnded(tasks: SessionState['tasks']): boolean {
  for (const task of tasks.values()) if (task.status !== 'running') return true
  return false
}

/** The task whose turn it is: the one that started and has not ended. */
export function activeTask(state: SessionState): TaskState | undefined {
  for (const task of state.tasks.values()) if (task.status === 'running' && task.phase !== 'queued') return task
  return undefined
}

export function sessionPhase(state: SessionState): SessionPhase {
  if (state.closed) return 'closed'
  const task = activeTask(state) ?? [...state.tasks.values()].find((one) => one.status === 'running')
  if (task === undefined) return 'idle'
  switch (task.phase) {
    case 'completed':
    case 'failed':
    case 'stopped':
      return 'idle'
    default:
      return task.phase
  }
}

/** Calls of open tasks that wait for a person, oldest first. */
export function pendingCalls(state: SessionState): readonly { task: TaskState; call: ToolCallState }[] {
  const pending: { task: TaskState; call: ToolCallState }[] = []
  for (const task of state.tasks.values()) {
    if (task.status !== 'running') continue
    for (const call of task.calls.values()) if (call.phase === 'pending') pending.push({ task, call })
  }
  return pending
}

/** Questions of open tasks that wait for a person, oldest first. */
export function pendingQuestions(state: SessionState): readonly { task: TaskState; question: QuestionState }[] {
  return [...state.tasks.values()].flatMap((task) =>
    task.status === 'running' ? [...task.questions.values()].map((question) => ({ task, question })) : [],
  )
}

/** A call of the task by its id, whether it has ended or not. */
export function findCall(task: TaskState, toolCallId: string): ToolCallState | undefined {
  return task.calls.get(toolCallId) ?? findLayered(task.closed_calls, toolCallId)
}

/** The same by the agent's own id. */
export function findNativeCall(task: TaskState, nativeId: string): ToolCallState | undefined {
  const toolCallId = findLayered(task.call_ids, nativeId)
  return toolCallId === undefined ? undefined : findCall(task, toolCallId)
}

function isTaskStart(event: Event): boolean {
  return event.type === 'task.queued' || event.type === 'task.started'
}

function newTask(taskId: string, event: Event): TaskState {
  return {
    task_id: taskId,
    status: 'running',
    phase: 'queued',
    created_at: event.time,
    started_at: null,
    ended_at: null,
    first_seq: event.seq,
    last_seq: event.seq,
    usage: null,
    calls: new Map(),
    closed_calls: emptyLayers,
    call_ids: emptyLayers,
    blocks: new Map(),
    questions: new Map(),
    answers: new Map(),
    ledger: emptyLedger(event.time),
  }
}

function evolveTask(before: TaskState, event: Event): TaskState {
  const ledger = addReceiptEvent(before.ledger, event, clockOf(before))
  const changed = { ...before, last_seq: event.seq, ledger, usage: ledger.usage, ...taskChanges(before, event) }
  const phase = phaseOf(changed)
  return phase === changed.phase ? changed : { ...changed, phase }
}

/** Which clock of the receipt runs while the task is in this state. */
function clockOf(task: TaskState): 'queued' | 'human' | 'tool' | 'model' {
  if (task.phase === 'queued') return 'queued'
  if (task.phase === 'waiting_approval' || task.phase === 'waiting_input') return 'human'
  for (const call of task.calls.values()) if (call.phase === 'started') return 'tool'
  return 'model'
}

function phaseOf(task: TaskState): TaskPhase {
  if (task.phase !== 'running' && task.phase !== 'waiting_approval' && task.phase !== 'waiting_input') return task.phase
  for (const call of task.calls.values()) if (call.phase === 'pending') return 'waiting_approval'
  return task.questions.size > 0 ? 'waiting_input' : 'running'
}

function taskChanges(task: TaskState, event: Event): Partial<TaskState> {
  switch (event.type) {
    case 'task.started':
      return { phase: 'starting', started_at: event.time }
    case 'model.output.delta':
      return { ...awake(task), ...(task.blocks.has(event.payload.block_id) ? {} : { blocks: openBlock(task, event) }) }
    case 'model.output.discarded':
      return { blocks: without(task.blocks, event.payload.block_id) }
    case 'model.output.completed':
      return { ...awake(task), ...(event.payload.block_id === undefined ? {} : { blocks: without(task.blocks, event.payload.block_id) }) }
    case 'question.asked':
      return { ...awake(task), questions: new Map(task.questions).set(event.payload.question_id, openQuestion(event)) }
    case 'question.answered':
      return {
        questions: without(task.questions, event.payload.question_id),
        answers: new Map(task.answers).set(event.payload.question_id, event.payload),
      }
    case 'tool.call.requested':
      return {
        ...awake(task),
        calls: new Map(task.calls).set(event.payload.tool_call_id, requestedCall(event)),
        ...reopened(task, event.payload),
      }
    case 'tool.call.policy_evaluated':
      return withCall(
        task,
        event.payload,
        event.payload.result === 'ask' ? { phase: 'pending', put_to_person: true, expires_at: event.payload.expires_at ?? null } : {},
      )
    case 'tool.call.approved':
      return withCall(task, event.payload, {
        phase: 'approved',
        decided_by: event.payload.decided_by,
        snapshot: event.payload.policy_snapshot,
        ...(event.payload.remember === undefined ? {} : { remember: event.payload.remember }),
      })
    case 'tool.call.denied':
      return withCall(task, event.payload, {
        phase: 'denied',
        decided_by: event.payload.decided_by,
        snapshot: event.payload.policy_snapshot,
        ...(event.payload.reason === undefined ? {} : { denied_reason: event.payload.reason }),
        ...(event.payload.remember === undefined ? {} : { remember: event.payload.remember }),
      })
    case 'tool.call.started':
      return withCall(task, event.payload, { phase: 'started', started_at: event.time })
    case 'tool.call.completed':
      return withCall(task, event.payload, { phase: 'completed' })
    case 'task.completed':
    case 'task.failed':
    case 'task.stopped':
      return ended(task, event)
    case 'runtime.request.started':
    case 'runtime.notice':
    case 'session.context_restored':
    case 'plan.updated':
      return awake(task)
    default:
      return {}
  }
}

/** The first sign of the agent ends `starting`. */
function awake(task: TaskState): Partial<TaskState> {
  return task.phase === 'starting' ? { phase: 'running' } : {}
}

function ended(task: TaskState, event: EventOf<'task.completed' | 'task.failed' | 'task.stopped'>): Partial<TaskState> {
  const status = event.type === 'task.completed' ? 'completed' : event.type === 'task.failed' ? 'failed' : 'stopped'
  return {
    status,
    phase: status,
    // What was approved and never began ends with its task.
    calls: new Map(),
    closed_calls: [...task.calls].reduce((closed, [id, call]) => putLayered(closed, id, call), task.closed_calls),
    ended_at: event.time,
    reason: event.payload.reason,
    receipt: event.payload.receipt,
    usage: event.payload.receipt.usage,
    ...(event.type === 'task.completed' && event.payload.steered_into !== undefined ? { steered_into: event.payload.steered_into } : {}),
    ...(event.payload.error === undefined ? {} : { error: event.payload.error }),
    ...(event.type === 'task.completed' ? { result: toOutput(event.payload) } : {}),
  }
}

/** Null is an answer like any other. */
function toOutput({ output, output_ref }: TaskOutput): TaskOutput {
  return { ...(output === undefined ? {} : { output }), ...(output_ref === undefined ? {} : { output_ref }) }
}

function openBlock(task: TaskState, event: EventOf<'model.output.delta'>): TaskState['blocks'] {
  return new Map(task.blocks).set(event.payload.block_id, { kind: event.payload.kind, first_seq: event.seq })
}

function openQuestion({ time, payload: { question_id, title, schema, expires_at } }: EventOf<'question.asked'>): QuestionState {
  return { question_id, title, schema, asked_at: time, expires_at: expires_at ?? null }
}

function requestedCall(event: EventOf<'tool.call.requested'>): ToolCallState {
  const { tool_call_id, attempt, input_hash, runtime_tool_call_id, ...call } = event.payload
  return {
    tool_call_id,
    attempt,
    input_hash,
    runtime_tool_call_id,
    call,
    phase: 'requested',
    requested_at: event.time,
    expires_at: null,
    decided_by: null,
    put_to_person: false,
    snapshot: null,
    started_at: null,
  }
}

/** A further attempt is the same call, and open again. */
function reopened(
  { closed_calls, call_ids }: TaskState,
  { tool_call_id, runtime_tool_call_id: native }: Payload<'tool.call.requested'>,
): Partial<TaskState> {
  return {
    ...(findLayered(closed_calls, tool_call_id) === undefined ? {} : { closed_calls: putLayered(closed_calls, tool_call_id, undefined) }),
    ...(native === undefined || findLayered(call_ids, native) === tool_call_id
      ? {}
      : { call_ids: putLayered(call_ids, native, tool_call_id) }),
  }
}

function withCall(task: TaskState, identity: CallIdentity, change: Partial<ToolCallState>): Partial<TaskState> {
  const call = task.calls.get(identity.tool_call_id)
  if (call === undefined || call.attempt !== identity.attempt) return {}
  const changed = { ...call, ...change }
  if (changed.phase !== 'denied' && changed.phase !== 'completed') return { calls: new Map(task.calls).set(call.tool_call_id, changed) }
  return { calls: without(task.calls, call.tool_call_id), closed_calls: putLayered(task.closed_calls, call.tool_call_id, changed) }
}

function without<V>(map: ReadonlyMap<string, V>, key: string): ReadonlyMap<string, V> {
  if (!map.has(key)) return map
  const copy = new Map(map)
  copy.delete(key)
  return copy
}

/** The receipt of a task that ends at `time`. */
export function toReceipt(task: TaskState, time: string): Receipt {
  return closeTime(task.ledger, time, clockOf(task), task.started_at)
}
