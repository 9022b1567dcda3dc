import type { Event, EventOf, EventType } from './event.ts'
import { toMessageId } from './message-place.ts'
import { toBlocks } from './message.ts'
import {
  isEmpty,
  isQuestion,
  isResultOf,
  isUseOf,
  isWritten,
  toDecision,
  toPartial,
  toQuestion,
  toToolUse,
  type ToolResult,
  type ToolUse,
} from './transcript-block.ts'
import type { Transcript, TranscriptBlock, TranscriptMessage, TranscriptTask } from './transcript.ts'

/** The types that a transcript is made of: it is the same without all others. */
export const transcriptTypes: ReadonlySet<string> = new Set<EventType>([
  'session.context_restored',
  'task.started',
  'task.steered',
  'model.output.delta',
  'model.output.discarded',
  'model.output.completed',
  'question.asked',
  'question.answered',
  'tool.call.requested',
  'tool.call.policy_evaluated',
  'tool.call.approved',
  'tool.call.denied',
  'tool.call.started',
  'tool.output.completed',
  'tool.call.completed',
  'task.completed',
  'task.failed',
  'task.stopped',
])

export function emptyTranscript(sessionId: string): Transcript {
  return { session_id: sessionId, last_seq: 0, tasks: [], messages: [] }
}

/**
 * Adds one event; pure, and total: never throws. Events that were folded already change nothing, so that a stream may begin again before
 * its end. The fold may begin at any `task.started`: what comes of tasks whose start it has not seen is left out.
 */
export function evolveTranscript(transcript: Transcript, event: Event): Transcript {
  if (event.seq <= transcript.last_seq) return transcript
  const base = { ...transcript, last_seq: event.seq }
  if (event.trace.task_id === undefined || !transcriptTypes.has(event.type)) return base
  const task = base.tasks.findLast(({ task_id }) => task_id === event.trace.task_id)
  if (event.type === 'task.started') return task === undefined ? begin(base, event.trace.task_id, event) : base
  if (task?.status !== 'running') return base
  return { ...base, ...changes(base, task, event) }
}

function changes(transcript: Transcript, task: TranscriptTask, event: Event): Partial<Transcript> {
  const page = { messages: transcript.messages, task, event }
  switch (event.type) {
    case 'task.steered':
      return { messages: [...transcript.messages, ...toGiven(task, event)] }
    case 'model.output.delta':
      return { messages: write(page, event) }
    case 'model.output.discarded':
      return { messages: edit(page, isWritten(event.payload.block_id), () => []) ?? page.messages }
    case 'model.output.completed':
      return { messages: complete(page, event) }
    case 'question.asked':
      return { messages: say(page, [toQuestion(event)]) }
    case 'question.answered': {
      const { question_id, ...answer } = event.payload
      const settled = edit(page, isQuestion(question_id), (block) => (block.type === 'question' ? [{ ...block, ...answer }] : [block]))
      return { messages: settled ?? page.messages }
    }
    case 'tool.call.requested':
      return { messages: say(page, [toToolUse(event)]) }
    case 'tool.call.policy_evaluated':
      return event.payload.result === 'ask' ? { messages: advance(page, event, { phase: 'pending' }) } : {}
    case 'tool.call.approved':
      return { messages: advance(page, event, { phase: 'approved', decision: toDecision(event) }) }
    case 'tool.call.denied': {
      const denied = advance(page, event, { phase: 'denied', decision: toDecision(event) })
      return {
        messages: respond({ ...page, messages: denied }, event, { content: event.payload.reason ?? '', is_error: true, outcome: 'denied' }),
      }
    }
    case 'tool.call.started':
      return { messages: advance(page, event, { phase: 'started' }) }
    case 'tool.output.completed':
    case 'tool.call.completed':
      return { messages: addResult(page, event) }
    case 'session.context_restored':
      return { tasks: withTask(transcript.tasks, { ...task, context_restored: event.payload }) }
    case 'task.completed':
    case 'task.failed':
    case 'task.stopped':
      return { tasks: withTask(transcript.tasks, toEnded(task, event)) }
    default:
      return {}
  }
}

// ---------------------------------------------------------------- tasks

function begin(transcript: Transcript, task_id: string, event: EventOf<'task.started'>): Transcript {
  const { name: runtime, model = null } = event.runtime
  const task: TranscriptTask = {
    task_id,
    status: 'running',
    first_seq: event.seq,
    started_at: event.time,
    ended_at: null,
    runtime,
    model,
  }
  return { ...transcript, tasks: [...transcript.tasks, task], messages: [...transcript.messages, ...toGiven(task, event)] }
}

/** What the host has said, with the start of a task or in the middle of it. */
function toGiven(task: TranscriptTask, event: EventOf<'task.started' | 'task.steered'>): TranscriptMessage[] {
  return event.payload.messages.map(({ role, content }, index) => toMessage(task, event, role, [...toBlocks(content)], index))
}

function toEnded(
  task: TranscriptTask,
  { time, payload, type }: EventOf<'task.completed' | 'task.failed' | 'task.stopped'>,
): TranscriptTask {
  const status = type === 'task.completed' ? 'completed' : type === 'task.failed' ? 'failed' : 'stopped'
  return { ...task, status, ended_at: time, reason: payload.reason, ...(payload.error === undefined ? {} : { error: payload.error }) }
}

function withTask(tasks: readonly TranscriptTask[], task: TranscriptTask): TranscriptTask[] {
  return tasks.map((one) => (one.task_id === task.task_id ? task : one))
}

// ---------------------------------------------------------------- messages

/** The messages so far, and the event of a running task that changes them. */
interface Page {
  readonly messages: TranscriptMessage[]
  readonly task: TranscriptTask
  readonly event: Event
}

function toMessage(
  task: TranscriptTask,
  { seq, time, runtime }: Event,
  role: TranscriptMessage['role'],
  content: TranscriptBlock[],
  index = 0,
): TranscriptMessage {
  return {
    message_id: toMessageId({ taskSeq: task.first_seq, seq, index }),
    role,
    content,
    task_id: task.task_id,
    first_seq: seq,
    last_seq: seq,
    time,
    runtime: runtime.name,
    model: runtime.model ?? null,
  }
}

/** What the agent says: it goes on with its message until results have followed that. */
function say({ messages, task, event }: Page, blocks: readonly TranscriptBlock[]): TranscriptMessage[] {
  if (blocks.length === 0) return messages
  const index = messages.findLastIndex(({ task_id }) => task_id === task.task_id)
  const last = messages[index]
  if (last?.role !== 'assistant' || last.first_seq === task.first_seq)
    return [...messages, toMessage(task, event, 'assistant', [...blocks])]
  return messages.with(index, { ...last, content: [...last.content, ...blocks], last_seq: event.seq })
}

/** Replaces the newest block of the task that fits; a message without blocks goes. Null when none fits. */
function edit(
  { messages, task, event }: Page,
  fits: (block: TranscriptBlock) => boolean,
  change: (block: TranscriptBlock) => readonly TranscriptBlock[],
): TranscriptMessage[] | null {
  for (let index = messages.length - 1; index >= 0; index -= 1) {
    const message = messages[index]
    if (message === undefined || message.first_seq <= task.first_seq) return null
    const at = message.task_id === task.task_id ? message.content.findLastIndex(fits) : -1
    const block = message.content[at]
    if (block === undefined) continue
    const content = message.content.toSpliced(at, 1, ...change(block))
    return content.length === 0 ? messages.toSpliced(index, 1) : messages.with(index, { ...message, content, last_seq: event.seq })
  }
  return null
}

function write(page: Page, { payload: { kind, block_id, delta, language } }: EventOf<'model.output.delta'>): TranscriptMessage[] {
  if (delta === '') return page.messages
  const grown = edit(page, isWritten(block_id), (block) => {
    if (block.type === 'code') return [{ ...block, code: block.code + delta }]
    return block.type === 'text' || block.type === 'reasoning' ? [{ ...block, text: block.text + delta }] : [block]
  })
  if (grown !== null) return grown
  switch (kind) {
    case 'text_delta':
      return say(page, [{ type: 'text', text: delta, block_id }])
    case 'reasoning_delta':
      return say(page, [{ type: 'reasoning', text: delta, block_id }])
    case 'code_delta':
      return say(page, [{ type: 'code', code: delta, ...(language === undefined ? {} : { language }), block_id }])
    default:
      // The input of a call as it is written, and what nobody knows: it counts when it is whole.
      return page.messages
  }
}

function complete(page: Page, { payload: { block_id, content, partial } }: EventOf<'model.output.completed'>): TranscriptMessage[] {
  const blocks = content.filter((block) => !isEmpty(block)).map((block) => (partial === true ? toPartial(block) : block))
  const replaced = block_id === undefined ? null : edit(page, isWritten(block_id), () => blocks)
  return replaced ?? say(page, blocks)
}

// ---------------------------------------------------------------- calls

type CallEvent = EventOf<
  | 'tool.call.policy_evaluated'
  | 'tool.call.approved'
  | 'tool.call.denied'
  | 'tool.call.started'
  | 'tool.output.completed'
  | 'tool.call.completed'
>

function advance(page: Page, { payload }: CallEvent, change: Partial<ToolUse>): TranscriptMessage[] {
  return edit(page, isUseOf(payload), (block) => (block.type === 'tool_use' ? [{ ...block, ...change }] : [block])) ?? page.messages
}

function addResult(page: Page, event: EventOf<'tool.output.completed' | 'tool.call.completed'>): TranscriptMessage[] {
  if (event.type === 'tool.output.completed') {
    const { tool_call_id: _id, attempt: _attempt, input_hash: _hash, result_preview: content, ...output } = event.payload
    return respond(page, event, { content, ...output })
  }
  const { tool_call_id: _id, attempt: _attempt, input_hash: _hash, ...end } = event.payload
  const { name: _name, policy_snapshot: _snapshot, result_preview: content, ...result } = end
  const messages = advance(page, event, { phase: 'completed' })
  return respond({ ...page, messages }, event, { content, outcome: 'completed', ...result })
}

/** The result of a call stands in the first message of results behind the call, however late it comes; what steers may stand between them. */
function respond(page: Page, { payload }: CallEvent, change: Omit<Partial<ToolResult>, 'type'>): TranscriptMessage[] {
  const { messages, task, event } = page
  const known = edit(page, isResultOf(payload), (block) => (block.type === 'tool_result' ? [{ ...block, ...change }] : [block]))
  if (known !== null) return known
  const asked = messages.findLastIndex(({ task_id, content }) => task_id === task.task_id && content.some(isUseOf(payload)))
  if (asked < 0) return messages
  const block: ToolResult = { type: 'tool_result', tool_use_id: payload.tool_call_id, attempt: payload.attempt, content: '', ...change }
  const index = messages.findIndex(({ task_id, role }, at) => at > asked && task_id === task.task_id && role === 'tool')
  const results = messages[index]
  if (results === undefined) return [...messages, toMessage(task, event, 'tool', [block])]
  return messages.with(index, { ...results, content: [...results.content, block], last_seq: event.seq })
}
