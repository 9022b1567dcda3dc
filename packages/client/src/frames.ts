import { createParser } from 'eventsource-parser'
import { ConnectionError } from './api-error.ts'
import type { Query, Transport } from './transport.ts'

/** What comes over an event stream: a frame, or a comment (a sign of life, or why the stream ends). */
export type Frame =
  | { readonly kind: 'frame'; readonly id: string | undefined; readonly name: string | undefined; readonly data: string }
  | { readonly kind: 'comment'; readonly text: string }

export interface FramesOptions {
  readonly query: Query
  readonly lastEventId?: string
  readonly signal?: AbortSignal | undefined
  /** Milliseconds without a byte after which the connection counts as lost. */
  readonly silenceMs: number
}

/**
 * The frames of one connection, in order; ends with it. Reads only as fast as it is asked. Throws `ConnectionError` when the connection
 * breaks or falls silent, `ApiError` when the stream is refused.
 */
export async function* openFrames(
  transport: Transport,
  path: string,
  { query, lastEventId, signal, silenceMs }: FramesOptions,
): AsyncGenerator<Frame, void, void> {
  const quiet = new AbortController()
  const either = signal === undefined ? quiet.signal : AbortSignal.any([signal, quiet.signal])
  const timed = async <T>(waiting: () => Promise<T>): Promise<T> => {
    const timer = setTimeout(() => quiet.abort(), silenceMs)
    try {
      return await waiting()
    } catch (cause) {
      signal?.throwIfAborted()
      if (quiet.signal.aborted) throw new ConnectionError('The event stream has fallen silent.', { cause })
      throw cause
    } finally {
      clearTimeout(timer)
    }
  }
  const headers = { accept: 'text/event-stream', ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }) }
  const { body } = await timed(() => transport.once('GET', path, { query, headers, signal: either }))
  const reader = body?.getReader()
  if (reader === undefined) throw new ConnectionError('The event stream has no body.')
  try {
    yield* parsed(async () => {
      const { value } = await timed(() => reader.read().catch((cause: unknown) => broken(cause)))
      return value
    })
  } finally {
    quiet.abort()
    await reader.cancel().catch(() => undefined)
  }
}

async function* parsed(read: () => Promise<Uint8Array | undefined>): AsyncGenerator<Frame, void, void> {
  const decoder = new TextDecoder()
  let frames: Frame[] = []
  const parser = createParser({
    onEvent: ({ id, event, data }) => frames.push({ kind: 'frame', id, name: event, data }),
    onComment: (text) => frames.push({ kind: 'comment', text: text.trim() }),
  })
  for (let bytes = await read(); bytes !== undefined; bytes = await read()) {
    parser.feed(decoder.decode(bytes, { stream: true }))
    const whole = frames
    frames = []
    yield* whole
  }
}

function broken(cause: unknown): never {
  throw new ConnectionError('The event stream broke off.', { cause })
}
