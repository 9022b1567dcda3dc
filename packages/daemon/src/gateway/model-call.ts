import type { Usage } from '@codesdkd/protocol'
import type { IncomingHttpHeaders } from 'node:http'
import type { AnswerReader } from './answer-reader.ts'
import { createAnswerReader } from './answer-reader.ts'
import type { Wording } from './endpoints.ts'
import { createModelName, type ModelName } from './model-name.ts'

/** One call of a model, as it passed by. Each that is started is completed. */
export type ModelCall =
  | { readonly phase: 'started'; readonly id: string; readonly route: string; readonly model: string | null }
  | {
      readonly phase: 'completed'
      readonly id: string
      readonly route: string
      /** As the answer names it where the request did not. */
      readonly model: string | null
      readonly durationMs: number
      /** Until the answer began; null where there was none. */
      readonly firstByteMs: number | null
      /** Of the endpoint's answer; null where there was none. */
      readonly status: number | null
      /** Null where the answer did not tell. */
      readonly usage: Usage | null
      /** Null where the answer came to its end, whatever its status. */
      readonly failure: CallFailure | null
    }

/**
 * `unreachable`: no connection came about. `interrupted`: it broke before the end of the answer. `abandoned`: the agent
 * did not wait for the end.
 */
export interface CallFailure {
  readonly kind: 'unreachable' | 'interrupted' | 'abandoned'
  readonly message: string
}

/** Watches one request and its answer; where no model is called, nothing is told. */
export interface CallWatch {
  request(chunk: Buffer): void
  requestEnd(): void
  answer(status: number, headers: IncomingHttpHeaders): void
  chunk(chunk: Buffer): void
  /** The first call counts. */
  end(failure: CallFailure | null): void
}

export interface CallWatchOptions {
  readonly id: string
  readonly route: string
  /** Where the path names it. */
  readonly model: string | null
  readonly wording: Wording
  /** Milliseconds. */
  readonly now: () => number
  readonly onCall: (call: ModelCall) => void
}

export const unwatched: CallWatch = { request() {}, requestEnd() {}, answer() {}, chunk() {}, end() {} }

export function watchCall(options: CallWatchOptions): CallWatch {
  const { id, route, now, onCall } = options
  const begun = now()
  const name = createModelName(options.model)
  let told = false
  let answered: { readonly after: number; readonly status: number; readonly reader: AnswerReader | null } | null = null
  let ended = false
  const tellStart = () => {
    if (told || ended) return
    told = true
    onCall({ phase: 'started', id, route, model: name.value })
  }
  return {
    request(chunk) {
      name.push(chunk)
      if (name.settled) tellStart()
    },
    requestEnd() {
      name.end()
      tellStart()
    },
    answer(status, headers) {
      const read = status >= 200 && status < 300
      answered = { after: now() - begun, status, reader: read ? createAnswerReader(options.wording, headers) : null }
    },
    chunk: (chunk) => answered?.reader?.push(chunk),
    end(failure) {
      tellStart()
      if (ended) return
      ended = true
      onCall(toCompleted(name, failure))
    },
  }

  function toCompleted(asked: ModelName, failure: CallFailure | null): ModelCall {
    const { model, usage } = answered?.reader?.end() ?? { model: null, usage: null }
    const [firstByteMs, status] = [answered?.after ?? null, answered?.status ?? null]
    return { phase: 'completed', id, route, model: asked.value ?? model, durationMs: now() - begun, firstByteMs, status, usage, failure }
  }
}
