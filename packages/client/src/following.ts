import type { Event } from '@codesdkd/protocol'
import { ApiError, ConnectionError } from './api-error.ts'
import { pause, toDelay } from './back-off.ts'
import { openFrames, type Frame } from './frames.ts'
import type { Query, Transport } from './transport.ts'

/** How the connection of a stream is. `replaying`: past events come; `live`: all that there was has come. */
export type Connection =
  | { readonly phase: 'connecting' | 'replaying' | 'live' }
  | { readonly phase: 'lost'; readonly error: Error; readonly retryInMs: number }

/** The place that was reached does not exist in the log of the daemon: what came before is not the past of what would come. */
export interface Resync {
  readonly reason: 'cursor_ahead' | 'log_changed'
  readonly log_id: string
  /** The end of the log, from which the stream goes on. */
  readonly position: string
}

/** Thrown where nobody has said what is to happen then. */
export class ResyncError extends Error {
  override readonly name = 'ResyncError'
  readonly resync: Resync

  constructor(resync: Resync) {
    super(`The log of the daemon is not the one that was followed (${resync.reason}).`)
    this.resync = resync
  }
}

export interface FollowingOptions {
  readonly signal?: AbortSignal | undefined
  /** Only these types of events; `tool.*` stands for all that begin with `tool.`. */
  readonly types?: readonly string[] | undefined
  /** `idle` ends when no task is open and everything was told. */
  readonly until?: 'idle' | undefined
  /** Milliseconds without a sign of life after which the connection is given up and made anew (45,000: three heartbeats). */
  readonly silenceMs?: number | undefined
  /** Told of every change of the connection. */
  readonly onConnection?: ((connection: Connection) => void) | undefined
  /** Takes note that what it has is void, and lets the stream go on from the end of the log. Without it a `ResyncError` is thrown. */
  readonly onResync?: ((resync: Resync) => void) | undefined
}

/** A stream that can be resumed: where it is, and what it makes of an event at a place. */
export interface Place {
  readonly path: string
  readonly query: Query
  /** Where to begin; null at the very beginning. */
  readonly start: string | null
  /** The end of the log as a control frame tells it. */
  endOf(control: Readonly<Record<string, unknown>>): string
  /** Where what is known ends, as far as there is anything after it. */
  startOf(control: Readonly<Record<string, unknown>>, position: string | null): string | null
  /** Whether the event comes next: `seen` is dropped, `gap` gives the connection up. */
  judge(event: Event, position: string | null): 'next' | 'seen' | 'gap'
}

export interface Placed {
  readonly position: string
  readonly event: Event
}

const backOff = { baseMs: 250, maxMs: 5_000 }
const SILENCE = 45_000

/**
 * Every event of a stream once, in order, over as many connections as it takes. Goes on until the signal aborts (its reason is thrown), the
 * stream has an end, or the daemon refuses for good (`ApiError`).
 */
export async function* followPlace(transport: Transport, place: Place, options: FollowingOptions): AsyncGenerator<Placed, void, void> {
  const cursor: Cursor = { position: place.start, logId: null }
  const tell = options.onConnection ?? (() => undefined)
  for (let failures = 0; ;) {
    tell({ phase: 'connecting' })
    let error: Error
    try {
      for await (const placed of oneConnection(transport, place, cursor, options)) {
        failures = 0
        yield placed
      }
      if (cursor.ended === true) return
      error = new ConnectionError('The daemon has ended the stream.')
    } catch (cause) {
      options.signal?.throwIfAborted()
      if (!mayPass(cause)) throw cause
      error = cause
    }
    failures += 1
    const asked = error instanceof ApiError ? (error.retryAfter ?? 0) * 1_000 : 0
    const retryInMs = Math.max(asked, toDelay(failures, backOff))
    tell({ phase: 'lost', error, retryInMs })
    await pause(retryInMs, options.signal)
  }
}

interface Cursor {
  position: string | null
  logId: string | null
  ended?: boolean
}

async function* oneConnection(
  transport: Transport,
  place: Place,
  cursor: Cursor,
  options: FollowingOptions,
): AsyncGenerator<Placed, void, void> {
  const { signal, types, until, silenceMs = SILENCE } = options
  const query = { ...place.query, types: types?.join(','), until }
  const lastEventId = cursor.position === null ? {} : { lastEventId: cursor.position }
  for await (const frame of openFrames(transport, place.path, { query, ...lastEventId, signal, silenceMs })) {
    if (frame.kind === 'comment') {
      // Said before the daemon closes the stream: nothing more will come.
      if (frame.text === 'idle') cursor.ended = true
    } else if (frame.name === undefined) {
      const placed = toPlaced(frame)
      const judged = place.judge(placed.event, cursor.position)
      if (judged === 'gap') throw new ConnectionError(`Event ${placed.position} does not follow ${cursor.position ?? 'the beginning'}.`)
      if (judged === 'seen') continue
      cursor.position = placed.position
      yield placed
    } else if (!takeControl(frame.name, toObject(frame.data), place, cursor, options)) return
  }
}

/** False when the connection is of no use any more. */
function takeControl(
  name: string,
  control: Readonly<Record<string, unknown>>,
  place: Place,
  cursor: Cursor,
  { types, onConnection, onResync }: FollowingOptions,
): boolean {
  const logId = String(control['log_id'])
  const resync = (reason: Resync['reason']) => {
    const position = place.endOf(control)
    cursor.position = position
    cursor.logId = logId
    if (onResync === undefined) throw new ResyncError({ reason, log_id: logId, position })
    onResync({ reason, log_id: logId, position })
  }
  switch (name) {
    case 'ready':
      if (cursor.logId !== null && cursor.logId !== logId) {
        // Another log with as many events would go unnoticed: its numbers mean other things.
        resync('log_changed')
        return false
      }
      cursor.logId = logId
      cursor.position = place.startOf(control, cursor.position)
      onConnection?.({ phase: 'replaying' })
      return true
    case 'caught_up':
      // Everything until here was sent: what had nothing to tell, or was left out, need not be gone through again.
      if (cursor.position === null || types !== undefined) cursor.position = place.endOf(control)
      onConnection?.({ phase: 'live' })
      return true
    case 'resync':
      resync(control['reason'] === 'log_changed' ? 'log_changed' : 'cursor_ahead')
      return true
    default:
      return true
  }
}

function toPlaced({ id = '', data }: Extract<Frame, { kind: 'frame' }>): Placed {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the edge where bytes become events
    return { position: id, event: JSON.parse(data) as Event }
  } catch (cause) {
    throw new ConnectionError('A frame of the event stream is not JSON.', { cause })
  }
}

function toObject(data: string): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(data)
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

/** Whether another connection may do better. */
function mayPass(error: unknown): error is Error {
  return error instanceof ConnectionError || (error instanceof ApiError && error.retryable)
}
