import type { Event, EventOf, EventType, Session, Task, TaskStarted } from '@codesdkd/protocol'
import { EventSourceParserStream } from 'eventsource-parser/stream'

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The body as JSON; what it is, the test knows. */
  // eslint-disable-next-line typescript/no-explicit-any -- a test reads whatever came
  readonly body: any
}

/** A frame of an event stream as it came. */
export interface Frame {
  readonly id: string | undefined
  readonly event: string | undefined
  readonly data: string
}

type CallEvent = EventOf<'tool.call.requested'>

/** What a client of the documented API does, with plain fetch. */
export class TestClient {
  readonly url: string

  constructor(url: string) {
    this.url = url
  }

  async request(method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const response = await fetch(this.url + path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
    const text = await response.text()
    const json = /json/.test(response.headers.get('content-type') ?? '') ? JSON.parse(text) : undefined
    return { status: response.status, headers: response.headers, text, body: json }
  }

  get = (path: string, headers?: Readonly<Record<string, string>>): Promise<Answer> => this.request('GET', path, undefined, headers)
  post = (path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer> =>
    this.request('POST', path, body, headers)

  async createSession(body: Readonly<Record<string, unknown>>): Promise<Session> {
    const answer = await this.post('/sessions', body)
    if (answer.status !== 201) throw new Error(`POST /sessions: ${answer.status} ${answer.text}`)
    return answer.body as Session
  }

  async startTask(sessionId: string, prompt: string, more: Readonly<Record<string, unknown>> = {}): Promise<TaskStarted> {
    const answer = await this.post(`/sessions/${sessionId}/tasks`, { messages: [{ role: 'user', content: prompt }], ...more })
    if (answer.status !== 202) throw new Error(`POST tasks: ${answer.status} ${answer.text}`)
    return answer.body as TaskStarted
  }

  async task({ session_id, task_id }: Pick<TaskStarted, 'session_id' | 'task_id'>): Promise<Task> {
    return (await this.get(`/sessions/${session_id}/tasks/${task_id}`)).body as Task
  }

  /** Every event of a session so far. */
  async events(sessionId: string): Promise<readonly Event[]> {
    const all: Event[] = []
    for (let after = 0; ;) {
      const { body } = await this.get(`/sessions/${sessionId}/events?after_seq=${after}&limit=5000`)
      all.push(...(body.events as Event[]))
      if (body.has_more !== true) return all
      after = body.next_seq
    }
  }

  /** Frames of a stream as they come; ends with the stream, the signal or the loop. */
  async *frames(
    path: string,
    { headers = {}, signal }: { headers?: Readonly<Record<string, string>>; signal?: AbortSignal } = {},
  ): AsyncGenerator<Frame> {
    const response = await fetch(this.url + path, {
      headers: { accept: 'text/event-stream', ...headers },
      ...(signal === undefined ? {} : { signal }),
    })
    if (response.status !== 200 || response.body === null) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    for await (const { id, event, data } of response.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream()))
      yield { id, event, data }
  }

  /** Events of a session, replayed and then live. */
  async *follow(sessionId: string, after = 0, signal?: AbortSignal): AsyncGenerator<Event> {
    for await (const frame of this.frames(`/sessions/${sessionId}/events?after_seq=${after}`, signal === undefined ? {} : { signal })) {
      if (frame.event === undefined) yield JSON.parse(frame.data) as Event
    }
  }

  /** The first event of a session that fits, past or to come. */
  async event<T extends EventType>(sessionId: string, type: T, fits: (event: EventOf<T>) => boolean = () => true): Promise<EventOf<T>> {
    for await (const event of this.follow(sessionId)) if (event.type === type && fits(event as EventOf<T>)) return event as EventOf<T>
    throw new Error(`the stream ended before ${type}`)
  }

  /** The terminal event of a task; meanwhile every call that waits is put to `decide`: null approves, `leave` leaves it to others, any other text denies. */
  async finish(
    started: Pick<TaskStarted, 'session_id' | 'task_id'>,
    decide: (call: CallEvent) => string | null = () => null,
  ): Promise<EventOf<'task.completed' | 'task.failed' | 'task.stopped'>> {
    const calls = new Map<string, CallEvent>()
    for await (const event of this.follow(started.session_id)) {
      if (event.type === 'tool.call.requested') calls.set(event.payload.tool_call_id, event)
      const call =
        event.type === 'tool.call.policy_evaluated' && event.payload.result === 'ask' ? calls.get(event.payload.tool_call_id) : undefined
      if (call !== undefined) await this.#decide(call, decide(call))
      if (
        (event.type === 'task.completed' || event.type === 'task.failed' || event.type === 'task.stopped') &&
        event.trace.task_id === started.task_id
      )
        return event
    }
    throw new Error('the stream ended before the task did')
  }

  approve = ({ trace, payload }: CallEvent, more: { readonly remember?: 'task' | 'session' } = {}): Promise<Answer> =>
    this.post(`/sessions/${trace.session_id}/tool-calls/${payload.tool_call_id}/approve`, {
      attempt: payload.attempt,
      input_hash: payload.input_hash,
      ...more,
    })

  deny = ({ trace, payload }: CallEvent, reason: string): Promise<Answer> =>
    this.post(`/sessions/${trace.session_id}/tool-calls/${payload.tool_call_id}/deny`, {
      attempt: payload.attempt,
      input_hash: payload.input_hash,
      reason,
    })

  async #decide(call: CallEvent, decision: string | null): Promise<void> {
    if (decision === 'leave') return
    await (decision === null ? this.approve(call) : this.deny(call, decision))
  }
}
