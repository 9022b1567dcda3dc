import {
  emptyTranscript,
  evolveTranscript,
  isTerminal,
  type Event,
  type EventOf,
  type Message,
  type Receipt,
  type TaskError,
  type TerminalType,
  type TranscriptMessage,
} from '@codesdkd/protocol'
import { askForAnswers, askForDecisions, toCallKey, toQuestionKey, type ApprovalHandler, type QuestionHandler } from './answers.ts'
import type { NewTask } from './bodies.ts'
import type { Client } from './client.ts'
import type { FollowingOptions } from './following.ts'
import { toIdentifier } from './identifier.ts'

export interface RunTask extends Omit<NewTask, 'messages'>, Pick<FollowingOptions, 'silenceMs' | 'onConnection' | 'onResync'> {
  readonly sessionId: string
  /** What to say: a text, or messages with all that they may have. */
  readonly messages: string | Message[]
  /** Every event of the task, in order. What it returns is waited for. */
  readonly onEvent?: (event: Event) => void | Promise<void>
  /** Without it, calls that wait for a person wait for somebody else. */
  readonly onApproval?: ApprovalHandler
  readonly onQuestion?: QuestionHandler
  /** Stops the task; what then comes of it is the result. */
  readonly signal?: AbortSignal
}

/** What came of a task. */
export interface TaskResult {
  readonly session_id: string
  readonly task_id: string
  readonly status: 'completed' | 'failed' | 'stopped'
  readonly reason: string
  readonly error: TaskError | null
  readonly receipt: Receipt
  /** The last thing that the agent said. */
  readonly text: string
  /** The whole conversation of the task. */
  readonly messages: readonly TranscriptMessage[]
  /** The answer to an `output_schema`; `output_ref` names the artifact where it is long. */
  readonly output?: unknown
  readonly output_ref?: string | undefined
  /** With reason `steered`: the task that the messages have joined. */
  readonly steered_into?: string | undefined
  /** The last event of the task. */
  readonly last_seq: number
}

type Daemon = Pick<Client, 'startTask' | 'getTask' | 'stopTask' | 'follow' | 'approveToolCall' | 'denyToolCall' | 'answerQuestion'>

/** Rejects when the daemon refuses the task, the session is deleted, or a callback fails; the task itself then goes on. */
export async function runTask(client: Daemon, options: RunTask): Promise<TaskResult> {
  const { sessionId, messages, onEvent, onApproval, onQuestion, signal, silenceMs, onConnection, onResync, ...task } = options
  const task_id = task.task_id ?? toIdentifier('task_')
  await start(client, sessionId, { ...task, task_id, messages: toMessages(messages) }, signal)
  const failure = new AbortController()
  const stop = () => void client.stopTask(sessionId, task_id).catch((error: unknown) => failure.abort(error))
  if (signal?.aborted === true) stop()
  signal?.addEventListener('abort', stop, { once: true })
  const person = toPerson(client, { onApproval, onQuestion }, (error) => failure.abort(error))
  try {
    const { first_seq = 1 } = await client.getTask(sessionId, task_id)
    let transcript = emptyTranscript(sessionId)
    const following = { after: first_seq - 1, signal: failure.signal, silenceMs, onConnection, onResync }
    for await (const event of client.follow(sessionId, following)) {
      if (event.trace.task_id !== task_id) continue
      transcript = evolveTranscript(transcript, event)
      await onEvent?.(event)
      person.see(event)
      if (isEnd(event)) return toResult(event, task_id, transcript.messages)
    }
    throw new Error('The stream of events ended before the task.')
  } finally {
    signal?.removeEventListener('abort', stop)
    person.close()
  }
}

/** An answer that was lost on the way may have started the task: whoever gives up then does not leave it running. */
async function start(client: Daemon, sessionId: string, body: NewTask & { task_id: string }, signal: AbortSignal | undefined) {
  signal?.throwIfAborted()
  try {
    await client.startTask(sessionId, body, signal === undefined ? {} : { signal })
  } catch (error) {
    if (signal?.aborted === true) await client.stopTask(sessionId, body.task_id).catch(() => undefined)
    throw error
  }
}

interface Handlers {
  readonly onApproval: ApprovalHandler | undefined
  readonly onQuestion: QuestionHandler | undefined
}

/** Puts to the handlers what events of one task ask. */
function toPerson(client: Daemon, { onApproval, onQuestion }: Handlers, fail: (error: unknown) => void) {
  const requested = new Map<string, EventOf<'tool.call.requested'>>()
  const decisions = onApproval === undefined ? null : askForDecisions(client, onApproval)
  const answers = onQuestion === undefined ? null : askForAnswers(client, onQuestion)
  decisions?.failed.catch(fail)
  answers?.failed.catch(fail)
  return {
    see(event: Event): void {
      const { session_id, task_id = '' } = event.trace
      const about = { session_id, task_id, runtime: event.runtime.name, asked_at: event.time }
      switch (event.type) {
        case 'tool.call.requested':
          if (decisions !== null) requested.set(toCallKey({ session_id, ...event.payload }), event)
          break
        case 'tool.call.policy_evaluated': {
          const call = event.payload.result === 'ask' ? requested.get(toCallKey({ session_id, ...event.payload })) : undefined
          if (call !== undefined) decisions?.ask({ ...about, ...call.payload, expires_at: event.payload.expires_at ?? null })
          break
        }
        case 'tool.call.approved':
        case 'tool.call.denied': {
          const key = toCallKey({ session_id, ...event.payload })
          requested.delete(key)
          decisions?.settle(key)
          break
        }
        case 'question.asked':
          answers?.ask({ ...about, ...event.payload, schema: event.payload.schema, expires_at: event.payload.expires_at ?? null })
          break
        case 'question.answered':
          answers?.settle(toQuestionKey({ session_id, ...event.payload }))
          break
        default:
      }
    },
    close() {
      decisions?.close()
      answers?.close()
    },
  }
}

function toMessages(messages: string | Message[]): Message[] {
  return typeof messages === 'string' ? [{ role: 'user', content: messages }] : messages
}

function isEnd(event: Event): event is EventOf<TerminalType> {
  return isTerminal(event.type)
}

const statuses = { 'task.completed': 'completed', 'task.failed': 'failed', 'task.stopped': 'stopped' } as const

function toResult(event: EventOf<TerminalType>, task_id: string, messages: readonly TranscriptMessage[]): TaskResult {
  const { reason, error = null, receipt, ...more } = event.payload
  const said = messages.findLast(({ role, content }) => role === 'assistant' && content.some(({ type }) => type === 'text'))
  return {
    session_id: event.trace.session_id,
    task_id,
    status: statuses[event.type],
    reason,
    error,
    receipt,
    text: said?.content.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join('\n\n') ?? '',
    messages,
    ...more,
    last_seq: event.seq,
  }
}
