import type { CallIdentity, DecidedBy, Event, EventOf, Message, Payload, Receipt, TaskError, ToolCall } from '@codesdkd/protocol'

interface Place {
  /** The same as long as the item is there. */
  readonly key: string
  /** The event that began it. */
  readonly seq: number
  readonly time: string
  readonly task: string | undefined
}

export interface FileChange extends Omit<Payload<'file.changed'>, 'tool_call_id'> {}

export type MessageItem = Place & {
  readonly kind: 'message'
  readonly role: Message['role']
  readonly content: Message['content']
  readonly steering: boolean
}
export type OutputItem = Place & {
  readonly kind: 'output'
  readonly form: 'text' | 'reasoning' | 'code'
  readonly text: string
  readonly language: string | undefined
  readonly writing: boolean
  readonly partial: boolean
}
export type PlanItem = Place & Payload<'plan.updated'> & { readonly kind: 'plan' }
export type CallPhase = 'requested' | 'pending' | 'approved' | 'denied' | 'started' | 'completed'
export type CallItem = Place & {
  readonly kind: 'call'
  readonly identity: CallIdentity
  readonly call: ToolCall
  readonly phase: CallPhase
  readonly expiresAt: string | undefined
  readonly decision: { readonly by: DecidedBy; readonly actor: string | undefined; readonly reason: string | undefined } | null
  /** As it is written; the preview of the whole output once that is there. */
  readonly output: string
  readonly outputRef: string | undefined
  readonly truncated: boolean
  readonly result: Pick<Payload<'tool.call.completed'>, 'is_error' | 'exit_code' | 'duration_ms' | 'confinement_denials'> | null
  readonly files: readonly FileChange[]
}
export type QuestionItem = Place & {
  readonly kind: 'question'
  readonly question: Payload<'question.asked'>
  readonly answer: Payload<'question.answered'> | null
}
export type FileItem = Place & { readonly kind: 'file'; readonly file: FileChange }
export type ArtifactItem = Place & { readonly kind: 'artifact'; readonly artifactId: string; readonly name: string }
export type NoticeItem = Place & { readonly kind: 'notice'; readonly level: 'info' | 'warning' | 'error'; readonly text: string }
export type EndItem = Place & {
  readonly kind: 'end'
  readonly status: 'completed' | 'failed' | 'stopped'
  readonly reason: string
  readonly error: TaskError | undefined
  readonly receipt: Receipt
}
export type Item = MessageItem | OutputItem | PlanItem | CallItem | QuestionItem | FileItem | ArtifactItem | NoticeItem | EndItem

/** An artifact that some event names. */
export interface ArtifactMention {
  readonly artifactId: string
  readonly what: string
  readonly seq: number
}

/** What a person sees of a log, event by event; each event costs the same however long the log is. */
export interface Timeline {
  add(event: Event): void
  readonly items: readonly Item[]
  readonly ends: readonly EndItem[]
  readonly artifacts: readonly ArtifactMention[]
  readonly usage: Payload<'usage.reported'> | null
  /** The task that runs now. */
  readonly running: { readonly taskId: string; readonly since: string } | null
}

export function createTimeline(): Timeline {
  return new Fold()
}

/** Of output that is still written: more is not looked at anyway, and the whole is an artifact in the end. */
const OUTPUT_SHOWN = 200_000

class Fold implements Timeline {
  readonly items: Item[] = []
  readonly ends: EndItem[] = []
  readonly artifacts: ArtifactMention[] = []
  usage: Timeline['usage'] = null
  running: Timeline['running'] = null
  readonly #indexes = new Map<string, number>()

  add(event: Event): void {
    const { type, payload } = event
    switch (type) {
      case 'task.started':
        this.running = { taskId: event.trace.task_id ?? '', since: event.time }
        return this.#say(event, payload.messages, false)
      case 'task.steered':
        return this.#say(event, payload.messages, true)
      case 'model.input':
        return this.#mention(event, payload.input_ref, 'what the agent was given')
      case 'model.output.delta':
        return this.#write(event, payload)
      case 'model.output.discarded':
        return this.#discard(event, payload.block_id)
      case 'model.output.completed':
        return this.#complete(event, payload)
      case 'plan.updated':
        return this.#plan(event, payload)
      case 'tool.call.requested':
        return this.#request(event, payload)
      case 'tool.call.policy_evaluated':
        return payload.result === 'ask' ? this.#call(payload, () => ({ phase: 'pending', expiresAt: payload.expires_at })) : undefined
      case 'tool.call.approved':
        return this.#call(payload, () => ({ phase: 'approved', decision: toDecision(payload) }))
      case 'tool.call.denied':
        return this.#call(payload, () => ({ phase: 'denied', decision: toDecision(payload) }))
      case 'tool.call.started':
        return this.#call(payload, () => ({ phase: 'started' }))
      case 'tool.output.delta':
        return this.#call(payload, ({ output }) => ({ output: (output + payload.delta).slice(-OUTPUT_SHOWN) }))
      case 'tool.output.completed':
        return this.#output(event, payload)
      case 'tool.call.completed':
        return this.#end(event, payload)
      case 'file.changed':
        return this.#file(event, payload)
      case 'question.asked':
        return this.#put({ ...place(event, `question ${payload.question_id}`), kind: 'question', question: payload, answer: null })
      case 'question.answered':
        return this.#change(`question ${payload.question_id}`, (item) => (item.kind === 'question' ? { ...item, answer: payload } : item))
      case 'usage.reported':
        this.usage = payload
        return undefined
      case 'runtime.notice':
        return this.#note(event, payload.level, payload.message === '' ? payload.kind : payload.message)
      case 'task.completed':
      case 'task.failed':
      case 'task.stopped':
        return this.#finish(event)
      default:
        return this.#noteOfSession(event)
    }
  }

  #put(item: Item): void {
    this.#indexes.set(item.key, this.items.length)
    this.items.push(item)
  }

  #change(key: string, change: (item: Item) => Item): void {
    const index = this.#indexes.get(key)
    const item = index === undefined ? undefined : this.items[index]
    if (index !== undefined && item !== undefined) this.items[index] = change(item)
  }

  #call(identity: Pick<CallIdentity, 'tool_call_id' | 'attempt'>, change: (call: CallItem) => Partial<CallItem>): void {
    this.#change(callKey(identity), (item) => (item.kind === 'call' ? { ...item, ...change(item) } : item))
  }

  #note(event: Event, level: NoticeItem['level'], text: string): void {
    this.#put({ ...place(event), kind: 'notice', level, text })
  }

  #mention({ seq }: Event, artifactId: string | undefined, what: string): void {
    if (artifactId !== undefined) this.artifacts.push({ artifactId, what, seq })
  }

  #say(event: Event, messages: readonly Message[], steering: boolean): void {
    messages.forEach(({ role, content }, index) =>
      this.#put({ ...place(event, `${event.seq}.${index}`), kind: 'message', role, content, steering }),
    )
  }

  #write(event: Event, { kind, block_id, delta, language }: Payload<'model.output.delta'>): void {
    const form = forms[kind]
    if (form === undefined) return
    const key = blockKey(event, block_id)
    if (!this.#indexes.has(key))
      this.#put({ ...place(event, key), kind: 'output', form, text: '', language, writing: true, partial: false })
    this.#change(key, (item) => (item.kind === 'output' ? { ...item, text: item.text + delta } : item))
  }

  #discard(event: Event, blockId: string): void {
    const key = blockKey(event, blockId)
    this.#change(key, (item) => (item.kind === 'output' ? { ...item, text: '', writing: false } : item))
    // What follows under the same name is another block, further down.
    this.#indexes.delete(key)
  }

  #complete(event: Event, { block_id, content, partial = false }: Payload<'model.output.completed'>): void {
    const written = block_id === undefined ? undefined : blockKey(event, block_id)
    content.forEach((block, index) => {
      if (block.type === 'artifact_ref') {
        const name = block.name ?? block.media_type ?? block.artifact_id
        this.#mention(event, block.artifact_id, name)
        return this.#put({ ...place(event, `${event.seq}.${index}`), kind: 'artifact', artifactId: block.artifact_id, name })
      }
      const whole = {
        form: block.type,
        text: block.type === 'code' ? block.code : block.text,
        language: block.type === 'code' ? block.language : undefined,
        writing: false,
        partial,
      }
      if (index === 0 && written !== undefined && this.#indexes.has(written))
        return this.#change(written, (item) => (item.kind === 'output' ? { ...item, ...whole } : item))
      return whole.text === '' ? undefined : this.#put({ ...place(event, `${event.seq}.${index}`), kind: 'output', ...whole })
    })
  }

  /** A plan that changes stays where it is, as long as its task goes on. */
  #plan(event: Event, plan: Payload<'plan.updated'>): void {
    const key = `plan ${event.trace.task_id ?? ''}`
    if (this.#indexes.has(key)) this.#change(key, (item) => (item.kind === 'plan' ? { ...item, ...plan } : item))
    else this.#put({ ...place(event, key), kind: 'plan', ...plan })
  }

  #request(event: Event, payload: Payload<'tool.call.requested'>): void {
    const { tool_call_id, attempt, input_hash, runtime_tool_call_id: _native, ...call } = payload
    this.#put({
      ...place(event, callKey(payload)),
      kind: 'call',
      identity: { tool_call_id, attempt, input_hash },
      call,
      phase: 'requested',
      expiresAt: undefined,
      decision: null,
      output: '',
      outputRef: undefined,
      truncated: false,
      result: null,
      files: [],
    })
  }

  #output(event: Event, payload: Payload<'tool.output.completed'>): void {
    this.#mention(event, payload.result_ref, 'the whole output of a call')
    this.#call(payload, () => ({ output: payload.result_preview, outputRef: payload.result_ref, truncated: payload.truncated }))
  }

  #end(event: Event, payload: Payload<'tool.call.completed'>): void {
    const { result_preview, result_ref, is_error, exit_code, duration_ms, confinement_denials } = payload
    this.#call(payload, ({ output, outputRef }) => {
      if (outputRef === undefined) this.#mention(event, result_ref, 'the whole output of a call')
      return {
        phase: 'completed',
        output: output === '' ? result_preview : output,
        outputRef: outputRef ?? result_ref,
        result: { is_error, exit_code, duration_ms, confinement_denials },
      }
    })
  }

  /** A change belongs to the call that made it, where that is told. */
  #file(event: Event, { tool_call_id, ...file }: Payload<'file.changed'>): void {
    this.#mention(event, file.diff_ref, `the diff of ${file.path}`)
    const key = tool_call_id === undefined ? undefined : this.#newestCall(tool_call_id)
    if (key === undefined) this.#put({ ...place(event), kind: 'file', file })
    else this.#change(key, (item) => (item.kind === 'call' ? { ...item, files: [...item.files, file] } : item))
  }

  #newestCall(toolCallId: string): string | undefined {
    let found: string | undefined
    for (let attempt = 1; this.#indexes.has(callKey({ tool_call_id: toolCallId, attempt })); attempt += 1)
      found = callKey({ tool_call_id: toolCallId, attempt })
    return found
  }

  #finish(event: EventOf<'task.completed' | 'task.failed' | 'task.stopped'>): void {
    const { type, payload } = event
    if (this.running?.taskId === event.trace.task_id) this.running = null
    const status = type === 'task.completed' ? 'completed' : type === 'task.failed' ? 'failed' : 'stopped'
    const end: EndItem = {
      ...place(event),
      kind: 'end',
      status,
      reason: payload.reason,
      error: payload.error,
      receipt: payload.receipt,
    }
    this.ends.push(end)
    this.#put(end)
  }

  #noteOfSession(event: Event): void {
    const text = sessionText(event)
    if (text !== null) this.#note(event, 'info', text)
  }
}

const forms: Readonly<Record<string, OutputItem['form']>> = { text_delta: 'text', reasoning_delta: 'reasoning', code_delta: 'code' }

function place({ seq, time, trace }: Event, key = String(seq)): Place {
  return { key, seq, time, task: trace.task_id }
}

function callKey({ tool_call_id, attempt }: Pick<CallIdentity, 'tool_call_id' | 'attempt'>): string {
  return `call ${tool_call_id} ${attempt}`
}

/** Agents count their blocks anew in each task. */
function blockKey({ trace }: Event, blockId: string): string {
  return `block ${trace.task_id ?? ''} ${blockId}`
}

function toDecision({ decided_by, actor, reason }: Payload<'tool.call.approved'>): CallItem['decision'] {
  return { by: decided_by, actor, reason }
}

function sessionText(event: Event): string | null {
  switch (event.type) {
    case 'session.created':
      return `Session created on ${event.payload.runtime}, mode ${event.payload.permission_mode}, in ${event.payload.cwd}`
    case 'session.updated':
      return `Changed: ${Object.keys(event.payload.changed).join(', ')}`
    case 'session.handed_off':
      return `Handed off to ${event.payload.to.runtime}`
    case 'session.forked':
      return `Forked from ${event.payload.forked_from.session_id} behind event ${event.payload.forked_from.after_seq}`
    case 'session.closed':
      return `Session closed: ${event.payload.reason}`
    case 'session.context_restored':
      return `Took up ${event.payload.messages_carried} messages of the conversation${event.payload.messages_omitted === 0 ? '' : `, left out ${event.payload.messages_omitted}`}`
    case 'task.queued':
      return 'A task waits for its turn'
    default:
      return null
  }
}
