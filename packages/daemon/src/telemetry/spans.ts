import { createHash } from 'node:crypto'
import {
  isTerminal,
  toText,
  type Event,
  type EventOf,
  type Message,
  type Receipt,
  type TerminalType,
  type ToolCall,
} from '@codesdkd/protocol'
import {
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Attributes,
  type Context,
  type Span,
  type SpanContext,
  type Tracer,
} from '@opentelemetry/api'

/** The ids of the next span: what is known of a task again after a restart has the same ones. */
export interface ChosenIds {
  traceId: string
  spanId: string
}

export interface SpansOptions {
  readonly tracer: Tracer
  /** Told before a span that has an id of its own is made, and null for the others. */
  readonly choose: (ids: ChosenIds | null) => void
  /** Whether what people and agents said stands in the spans. */
  readonly content: boolean
  /** The remote parent of what a request has started; null where it has none. */
  readonly parentOf: (requestId: string) => SpanContext | null
}

/** Of runtimes whose agents call one provider only, as the conventions name it. */
const providers: Readonly<Record<string, string>> = {
  'codex-sdk': 'openai',
  'claude-agent-sdk': 'anthropic',
  'gemini-cli-core': 'gcp.gemini',
}

interface OpenTask {
  readonly span: Span
  readonly context: Context
  /** Spans in it that have begun: of model calls, tool calls and waits. */
  readonly open: Map<string, Span>
}

/**
 * Makes spans of committed events: one for each task, and in it one for each call of the model, for each tool call, and for each wait for
 * a person or for the queue. Names and attributes are those of OpenTelemetry's conventions for generative AI, where these have one. All
 * times are those of the events. Never throws; what it remembers is of open tasks alone.
 */
export function createSpans(options: SpansOptions): { observe(event: Event): void } {
  const tasks = new Map<string, OpenTask>()
  return {
    observe(event) {
      const { session_id, task_id } = event.trace
      if (event.type === 'session.created') return startSession(event, options)
      if (task_id === undefined) return undefined
      const key = `${session_id} ${task_id}`
      if (event.type === 'task.queued' || event.type === 'task.started') {
        const known = tasks.get(key)
        const task = known ?? startTask(event, options)
        tasks.set(key, task)
        if (event.type === 'task.queued') return start(task, event, 'queue', { name: 'wait_in_queue' }, options)
        return end(task, event, 'queue')
      }
      if (!isTerminal(event.type)) {
        const task = tasks.get(key)
        return task === undefined ? undefined : addToTask(task, event, options)
      }
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- isTerminal has judged the type, which does not narrow the event
      const last = event as EventOf<TerminalType>
      // One that began in another life of the daemon: its end tells how long it was.
      endTask(tasks.get(key) ?? startTask(last, options, last.payload.receipt.time_ms.total), last, options)
      tasks.delete(key)
      return undefined
    },
  }
}

// ---------------------------------------------------------------- sessions and tasks

function startSession(
  { time, trace: { session_id }, runtime, payload }: EventOf<'session.created'>,
  { tracer, choose }: SpansOptions,
): void {
  choose(toIds(session_id))
  const attributes = { ...toCommon(session_id, runtime.name), 'codesdkd.permission_mode': payload.permission_mode }
  const span = tracer.startSpan('create_session', { startTime: new Date(time), attributes }, ROOT_CONTEXT)
  choose(null)
  span.end(new Date(time))
}

function startTask(event: Event, { tracer, choose, content, parentOf }: SpansOptions, lastedMs = 0): OpenTask {
  const { session_id, task_id = '', request_id } = event.trace
  const remote = request_id === undefined ? null : parentOf(request_id)
  choose(toIds(`${session_id} ${task_id}`))
  const attributes = {
    ...toCommon(session_id, event.runtime.name),
    'gen_ai.operation.name': 'invoke_agent',
    'gen_ai.agent.name': event.runtime.name,
    'codesdkd.task.id': task_id,
    ...(event.runtime.model === undefined ? {} : { 'gen_ai.request.model': event.runtime.model }),
    ...(content && 'messages' in event.payload ? { 'gen_ai.input.messages': toMessages(event.payload.messages) } : {}),
  }
  const span = tracer.startSpan(
    `invoke_agent ${event.runtime.name}`,
    {
      kind: SpanKind.INTERNAL,
      startTime: Date.parse(event.time) - lastedMs,
      attributes,
      links: [{ context: { ...toIds(session_id), traceFlags: TraceFlags.SAMPLED } }],
    },
    remote === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, remote),
  )
  choose(null)
  return { span, context: trace.setSpan(ROOT_CONTEXT, span), open: new Map() }
}

function endTask(task: OpenTask, { type, time, payload }: EventOf<TerminalType>, { content }: SpansOptions): void {
  for (const open of [...task.open.values()].toReversed()) open.end(new Date(time))
  const { receipt, error } = payload
  task.span.setAttributes({ 'codesdkd.task.status': type.slice('task.'.length), ...toReceiptAttributes(receipt) })
  if (content && 'output' in payload && payload.output !== undefined)
    task.span.setAttribute('gen_ai.output.messages', JSON.stringify(payload.output))
  if (error !== undefined) fail(task.span, error.code)
  task.span.end(new Date(time))
}

function toReceiptAttributes({ usage, cost_usd, files_changed_total, commands_total }: Receipt): Attributes {
  return {
    ...toUsage(usage),
    ...(cost_usd === null ? {} : { 'codesdkd.cost_usd': cost_usd }),
    'codesdkd.files_changed': files_changed_total,
    'codesdkd.commands': commands_total,
  }
}

// ---------------------------------------------------------------- in a task

function addToTask(task: OpenTask, event: Event, options: SpansOptions): void {
  switch (event.type) {
    case 'runtime.request.started':
      return startModelCall(task, event, options)
    case 'runtime.request.completed':
      return endModelCall(task, event)
    case 'tool.call.requested':
      return startCall(task, event, options)
    case 'tool.call.policy_evaluated':
      return event.payload.result === 'ask'
        ? start(task, event, `wait ${callKey(event)}`, { name: 'wait_for_human', below: callKey(event) }, options)
        : undefined
    case 'tool.call.approved':
      return decide(task, event, 'approved')
    case 'tool.call.denied':
      decide(task, event, 'denied')
      return end(task, event, callKey(event))
    case 'tool.call.completed':
      return endCall(task, event, options)
    case 'question.asked':
      return start(task, event, `question ${event.payload.question_id}`, { name: 'wait_for_human' }, options)
    case 'question.answered':
      return end(task, event, `question ${event.payload.question_id}`)
    default:
      return undefined
  }
}

interface Beginning {
  readonly name: string
  readonly kind?: SpanKind
  readonly attributes?: Attributes
  /** The open span that it stands in; the task's where that is not open. */
  readonly below?: string
}

function start(
  task: OpenTask,
  event: Event,
  key: string,
  { name, kind = SpanKind.INTERNAL, attributes = {}, below }: Beginning,
  { tracer }: SpansOptions,
): void {
  const above = below === undefined ? undefined : task.open.get(below)
  const context = above === undefined ? task.context : trace.setSpan(ROOT_CONTEXT, above)
  const all = { ...toCommon(event.trace.session_id, event.runtime.name), ...attributes }
  task.open.set(key, tracer.startSpan(name, { kind, startTime: new Date(event.time), attributes: all }, context))
}

function end(task: OpenTask, event: Event, key: string, attributes: Attributes = {}): void {
  const span = task.open.get(key)
  if (span === undefined) return
  task.open.delete(key)
  span.setAttributes(attributes)
  span.end(new Date(event.time))
}

function startModelCall(task: OpenTask, event: EventOf<'runtime.request.started'>, options: SpansOptions): void {
  const { model, request_id } = event.payload
  start(
    task,
    event,
    `request ${request_id ?? ''}`,
    {
      name: model === null ? 'chat' : `chat ${model}`,
      kind: SpanKind.CLIENT,
      attributes: { 'gen_ai.operation.name': 'chat', ...(model === null ? {} : { 'gen_ai.request.model': model }) },
    },
    options,
  )
}

function endModelCall(task: OpenTask, event: EventOf<'runtime.request.completed'>): void {
  const { request_id, status, usage, first_byte_ms } = event.payload
  const key = `request ${request_id ?? ''}`
  const span = task.open.get(key)
  if (span !== undefined && (status === null || (status !== undefined && status >= 400))) fail(span, String(status ?? 'unreachable'))
  end(task, event, key, {
    ...toUsage(usage ?? null),
    ...(status == null ? {} : { 'http.response.status_code': status }),
    ...(first_byte_ms == null ? {} : { 'codesdkd.first_byte_ms': first_byte_ms }),
  })
}

function startCall(task: OpenTask, event: EventOf<'tool.call.requested'>, options: SpansOptions): void {
  const { name, kind, tool_call_id, attempt, input } = event.payload
  start(
    task,
    event,
    callKey(event),
    {
      name: `execute_tool ${name}`,
      attributes: {
        'gen_ai.operation.name': 'execute_tool',
        'gen_ai.tool.name': name,
        'gen_ai.tool.call.id': tool_call_id,
        'codesdkd.tool.kind': kind satisfies ToolCall['kind'],
        'codesdkd.tool.attempt': attempt,
        ...(options.content ? { 'gen_ai.tool.call.arguments': JSON.stringify(input ?? null) } : {}),
      },
    },
    options,
  )
}

function decide(task: OpenTask, event: EventOf<'tool.call.approved' | 'tool.call.denied'>, decision: 'approved' | 'denied'): void {
  end(task, event, `wait ${callKey(event)}`)
  task.open.get(callKey(event))?.setAttributes({ 'codesdkd.decision': decision, 'codesdkd.decided_by': event.payload.decided_by })
}

function endCall(task: OpenTask, event: EventOf<'tool.call.completed'>, { content }: SpansOptions): void {
  const { is_error, exit_code, result_preview } = event.payload
  const span = task.open.get(callKey(event))
  if (span !== undefined && is_error) fail(span, 'tool_error')
  end(task, event, callKey(event), {
    ...(exit_code == null ? {} : { 'process.exit.code': exit_code }),
    ...(content ? { 'gen_ai.tool.call.result': result_preview } : {}),
  })
}

// ---------------------------------------------------------------- attributes

function callKey({ payload }: { readonly payload: { readonly tool_call_id: string; readonly attempt: number } }): string {
  return `call ${payload.tool_call_id} ${payload.attempt}`
}

function toCommon(sessionId: string, runtime: string): Attributes {
  const provider = providers[runtime]
  return { 'gen_ai.conversation.id': sessionId, ...(provider === undefined ? {} : { 'gen_ai.provider.name': provider }) }
}

function toUsage(usage: Receipt['usage']): Attributes {
  const told = { 'gen_ai.usage.input_tokens': usage?.input_tokens, 'gen_ai.usage.output_tokens': usage?.output_tokens }
  return Object.fromEntries(Object.entries(told).flatMap(([name, count]) => (count == null ? [] : [[name, count]])))
}

function toMessages(messages: readonly Message[]): string {
  return JSON.stringify(messages.map(({ role, content }) => ({ role, parts: [{ type: 'text', content: toText(content) }] })))
}

function fail(span: Span, type: string): void {
  span.setAttribute('error.type', type)
  span.setStatus({ code: SpanStatusCode.ERROR, message: type })
}

/** The same for the same name, on any machine and in any life of the daemon. */
function toIds(name: string): ChosenIds {
  const hash = createHash('sha256').update(name).digest('hex')
  return { traceId: hash.slice(0, 32), spanId: hash.slice(32, 48) }
}
