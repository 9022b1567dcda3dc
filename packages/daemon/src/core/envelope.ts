import type { Event, NewEvent } from '@codesdkd/protocol'

interface Written<T> {
  readonly value: T
  readonly json: string
}

/**
 * What events of a session say of their task and of its agent. It is mostly what the one before said, so that it is made, and written out,
 * only when it changes.
 */
export class Envelope {
  readonly #sessionId: string
  #trace: Written<Event['trace']>
  #runtime: Written<Event['runtime']> = toWritten({ name: '' })

  constructor(sessionId: string) {
    this.#sessionId = sessionId
    this.#trace = toWritten({ session_id: sessionId })
  }

  /** The event, and the JSON of it as `JSON.stringify` would write it. */
  wrap({ type, payload, task_id, request_id }: NewEvent, { seq, time, requestId, runtime }: Circumstances): Written<Event> {
    const trace = this.#traceOf(task_id, request_id ?? requestId)
    const about = this.#runtimeOf(runtime)
    const json = `{"schema_version":1,"seq":${seq},"time":"${time}","type":"${type}","trace":${trace.json},"runtime":${about.json},"payload":${JSON.stringify(payload)}}`
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a draft pairs its type with its payload; taking it apart loses that
    const value = { schema_version: 1, seq, time, type, trace: trace.value, runtime: about.value, payload } as Event
    return { value, json }
  }

  #traceOf(taskId: string | undefined, requestId: string | undefined): Written<Event['trace']> {
    const { task_id, request_id } = this.#trace.value
    if (task_id !== taskId || request_id !== requestId)
      this.#trace = toWritten({
        session_id: this.#sessionId,
        ...(taskId === undefined ? {} : { task_id: taskId }),
        ...(requestId === undefined ? {} : { request_id: requestId }),
      })
    return this.#trace
  }

  #runtimeOf({ name, model, sessionId }: RuntimeNames): Written<Event['runtime']> {
    const known = this.#runtime.value
    if (known.name !== name || (known.model ?? null) !== model || (known.runtime_session_id ?? null) !== sessionId)
      this.#runtime = toWritten({
        name,
        ...(model === null ? {} : { model }),
        ...(sessionId === null ? {} : { runtime_session_id: sessionId }),
      })
    return this.#runtime
  }
}

export interface Circumstances {
  readonly seq: number
  /** RFC 3339 UTC. */
  readonly time: string
  /** The request that caused it, where the event itself names none. */
  readonly requestId: string | undefined
  readonly runtime: RuntimeNames
}

/** Who does the work: the runtime, the model, and the name of its own conversation. */
export interface RuntimeNames {
  readonly name: string
  readonly model: string | null
  readonly sessionId: string | null
}

function toWritten<T>(value: T): Written<T> {
  return { value, json: JSON.stringify(value) }
}
