import { addAbortListener } from 'node:events'
import type { OwnLog, Stretch } from '../core/own-log.ts'
import { toFrame } from '../core/frame.ts'
import type { Frames, StoredEvent } from '../core/ports.ts'
import { everyType, type EventFilter } from './event-filter.ts'
import type { RecentFrames } from './recent-frames.ts'

/** A stretch of the log that can be followed: one session, or all of them. */
export interface Followable {
  /** What is sent of it where nothing is filtered, the same to all who follow it; null where each sees what is theirs. */
  readonly frames: ((recent: RecentFrames, after: number, weight: number) => Frames | null) | null
  read(after: number, limit: number, weight?: number): Stretch
  /** Tells that there is more to read, or nothing more to come. */
  watch(listener: () => void): Disposable
  /** Position of the last committed event. */
  tip(): number
  /** What stands in the frame's `id:`, and comes back as `Last-Event-ID`. */
  frameId(event: StoredEvent): string
  /** True when no task is open, as of what is committed. */
  idle(): boolean
  /** True when what is followed was deleted. */
  gone(): boolean
  /** Data of the control frames at a position. */
  control(tip: number): Readonly<Record<string, unknown>>
}

export interface FollowOptions {
  /** Position after which to start. */
  readonly after: number
  /** Set when the client's cursor cannot be gone on from; the stream then starts at the tip. */
  readonly resync: 'cursor_ahead' | 'log_changed' | null
  readonly untilIdle: boolean
  readonly filter: EventFilter
  readonly recent: RecentFrames
  readonly keepAliveMs: number
  /** The client is gone: the stream just ends. */
  readonly signal: AbortSignal
  /** The daemon closes, or the rights have ended: the stream ends with what is committed and a last comment. */
  readonly closing: AbortSignal
}

const PAGE = 1_000
/** Bytes. Whoever reads alone and stops costs a small multiple of it: a stretch of the log, as frames and again in the socket's buffer. */
const PAGE_WEIGHT = 64 * 1024

/**
 * The frames of an event stream. Catch-up and live are one loop over the log: nothing is queued for a client, who is slow simply reads
 * later. Yields about 64 KB at a time, or 256 KB that many share, and only when asked, so that the client's pace is the pace of the reading.
 */
export async function* eventStream(source: Followable, options: FollowOptions): AsyncGenerator<string | Buffer, void, void> {
  using quiet = createQuiet(options.keepAliveMs)
  using _watch = source.watch(quiet.interrupt)
  using _gone = addAbortListener(options.signal, quiet.interrupt)
  using _closing = addAbortListener(options.closing, quiet.interrupt)
  let position = options.resync === null ? options.after : source.tip()
  let caughtUp = false
  yield `retry: 1000\n${control('ready', source)}`
  if (options.resync !== null) yield control('resync', source, { reason: options.resync })
  while (!options.signal.aborted) {
    if (source.gone()) {
      yield ': deleted\n\n'
      return
    }
    // Told before the log is read, so that everything committed until then is sent before the end.
    const end = options.closing.aborted ? 'closing' : options.untilIdle && source.idle() ? 'idle' : null
    const tip = source.tip()
    const stretch = readFrames(source, position, options)
    // Where the last events were deleted, the end of the log has no event.
    position = stretch?.position ?? Math.max(position, tip)
    if (stretch !== null) {
      if (stretch.bytes.length > 0) yield stretch.bytes
    } else if (!caughtUp) {
      caughtUp = true
      yield control('caught_up', source)
    } else if (end !== null) {
      yield `: ${end}\n\n`
      return
    } else if (!(await quiet.wait())) yield ': keep-alive\n\n'
  }
}

/** The next frames, and the position behind them; null at the end of the log. The events themselves are not kept while a client takes its time. */
function readFrames(source: Followable, after: number, { filter, recent }: FollowOptions): Frames | null {
  if (source.frames !== null && filter === everyType) return source.frames(recent, after, PAGE_WEIGHT)
  const { events, end } = source.read(after, PAGE, PAGE_WEIGHT)
  if (end === null) return null
  let frames = ''
  for (const event of events) if (filter(event.type)) frames += toFrame(source.frameId(event), event.json)
  return { bytes: Buffer.from(frames), position: end }
}

/** A time without events. One timer serves a stream for as long as it lives, since a busy one waits some hundred times a second. */
interface Quiet extends Disposable {
  /** Resolves to false after the time, to true when it is interrupted, or was since the last wait. One waits at a time. */
  wait(): Promise<boolean>
  readonly interrupt: () => void
}

function createQuiet(milliseconds: number): Quiet {
  let resolve: ((interrupted: boolean) => void) | null = null
  let missed = false
  const settle = (interrupted: boolean) => {
    resolve?.(interrupted)
    missed = (missed || interrupted) && resolve === null
    resolve = null
  }
  const timer = setInterval(() => settle(false), milliseconds)
  return {
    wait() {
      timer.refresh()
      const waiting = Promise.withResolvers<boolean>()
      resolve = waiting.resolve
      if (missed) settle(true)
      return waiting.promise
    },
    interrupt: () => settle(true),
    [Symbol.dispose]: () => clearInterval(timer),
  }
}

function control(name: 'ready' | 'resync' | 'caught_up', source: Followable, members: Readonly<Record<string, unknown>> = {}): string {
  return `event: ${name}\ndata: ${JSON.stringify({ ...source.control(source.tip()), ...members })}\n\n`
}

export function followSession(log: OwnLog, sessionId: string): Followable {
  return {
    frames: (recent, after, weight) => recent.read(sessionId, after, (times) => log.frames(sessionId, after, weight * times)),
    read(after, limit, weight) {
      const events = log.read(sessionId, after, limit, weight)
      return { events, end: events.at(-1)?.seq ?? null }
    },
    watch: (listener) => log.watch(sessionId, listener),
    tip: () => log.lastSeq(sessionId),
    frameId: (event) => String(event.seq),
    idle: () => !log.sessionsWithOpenTasks().includes(sessionId),
    gone: () => log.lastSeq(sessionId) === 0,
    // A replayed bundle may have left out the oldest ones.
    control: (tip) => ({ session_id: sessionId, first_seq: log.read(sessionId, 0, 1)[0]?.seq ?? 1, last_seq: tip, log_id: log.logId }),
  }
}

export function followAll(log: OwnLog): Followable {
  return {
    frames: null,
    read: (after, limit, weight) => log.readAll(after, limit, weight),
    watch: (listener) => log.watchAll(listener),
    tip: () => log.lastCursor(),
    frameId: (event) => toCursor(log, event.cursor),
    idle: () => log.sessionsWithOpenTasks().length === 0,
    gone: () => false,
    control: (tip) => ({ last_cursor: toCursor(log, tip), log_id: log.logId }),
  }
}

/** The global cursor as clients keep it: it names its log, because a number alone would fit any. */
export function toCursor(log: OwnLog, cursor: number): string {
  return `${log.logId}.${cursor}`
}

/** The parts of a global cursor; null when it is none. */
export function fromCursor(text: string): { readonly logId: string; readonly cursor: number } | null {
  const [, logId, digits] = /^(.{1,64})\.([0-9]{1,16})$/.exec(text) ?? []
  const cursor = Number(digits)
  return logId === undefined || !Number.isSafeInteger(cursor) ? null : { logId, cursor }
}
