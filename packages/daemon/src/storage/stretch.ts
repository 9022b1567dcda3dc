import { toFrame } from '../core/frame.ts'
import type { Frames, PendingEvent, StoredEvent } from '../core/ports.ts'

/** Text from which on events that were written together share a row: few large rows cost half as much to write, but small ones would waste pages. */
const SHARED_FROM = 16 * 1024
/** Text at which a row is full. */
const FULL = 32 * 1024

/** Events of one session that follow on each other, as they lie in one row. */
export interface Stretch {
  /** Of the first. */
  readonly seq: number
  readonly count: number
  /** The type of the one event, or the types in their order: `type*count,type*count`. */
  readonly types: string
  /** The events as whoever follows their session is sent them: what is written is serialised once, and what is read goes to the socket as it is. */
  readonly frames: Buffer
}

export interface StoredStretch extends Stretch {
  readonly sessionId: string
  /** Of the first event. */
  readonly cursor: number
}

/** Cuts events into rows, in their order. */
export function toStretches(events: readonly PendingEvent[]): readonly Stretch[] {
  const stretches: Stretch[] = []
  let open: PendingEvent[] = []
  let length = 0
  const close = () => {
    if (length >= SHARED_FROM) stretches.push(toStretch(open))
    else for (const event of open) stretches.push(toStretch([event]))
    open = []
    length = 0
  }
  for (const event of events) {
    const last = open.at(-1)
    if (length >= FULL || (last !== undefined && event.seq !== last.seq + 1)) close()
    open.push(event)
    length += event.json.length
  }
  close()
  return stretches
}

/** The events of a stretch, from the one with this index on. `text`: its frames, or, in a row of an earlier daemon, one JSON text to a line. */
export function fromStretch(
  { sessionId, cursor, seq, count, types }: Omit<StoredStretch, 'frames'>,
  text: string,
  from: number,
): readonly StoredEvent[] {
  const found: StoredEvent[] = []
  if (from >= count) return found
  const framed = !text.startsWith('{')
  const parts = text.split(framed ? '\n\n' : '\n')
  let index = 0
  for (const { type, times } of toRuns(types, count)) {
    for (const end = index + times; index < end; index++) {
      if (index < from) continue
      const part = parts[index] ?? ''
      const json = framed ? part.slice(part.indexOf('{')) : part
      found.push({ cursor: cursor + index, sessionId, seq: seq + index, type, json })
    }
  }
  return found
}

/** The frames from the event with this index on. */
export function framesFrom({ seq, count, frames }: Stretch, index: number): Buffer {
  if (index <= 0) return frames
  // No JSON has a line end in it, so that this cannot be found inside of one.
  return frames.subarray(index >= count ? frames.length : frames.indexOf(`\n\nid: ${seq + index}\n`) + 2)
}

/** The frames after a seq, of stretches of one session in their order: about `weight` bytes, but at least one event; null where there is none. */
export function toFrames(stretches: Iterable<Stretch>, after: number, weight: number): Frames | null {
  const found: Buffer[] = []
  let length = 0
  let last = after
  for (const stretch of stretches) {
    const frames = framesFrom(stretch, after + 1 - stretch.seq)
    if (frames.length === 0) continue
    found.push(frames)
    length += frames.length
    last = stretch.seq + stretch.count - 1
    if (length >= weight) break
  }
  const [first] = found
  if (first === undefined) return null
  return { bytes: found.length === 1 ? first : Buffer.concat(found, length), position: last }
}

/** Index of the last event of one of these types; -1 where there is none. */
export function findLastOf({ count, types }: Pick<Stretch, 'count' | 'types'>, wanted: readonly string[]): number {
  let end = 0
  let last = -1
  for (const { type, times } of toRuns(types, count)) {
    end += times
    if (wanted.includes(type)) last = end - 1
  }
  return last
}

export function toStretch(events: readonly PendingEvent[]): Stretch {
  const [first] = events
  if (first === undefined) throw new Error('a row without events')
  let text = ''
  for (const { seq, json } of events) text += toFrame(seq, json)
  return { seq: first.seq, count: events.length, types: events.length === 1 ? first.type : toTypes(events), frames: Buffer.from(text) }
}

function toTypes(events: readonly PendingEvent[]): string {
  const runs: { readonly type: string; times: number }[] = []
  for (const { type } of events) {
    const last = runs.at(-1)
    if (last?.type === type) last.times += 1
    else runs.push({ type, times: 1 })
  }
  return runs.map(({ type, times }) => `${type}*${times}`).join(',')
}

function toRuns(types: string, count: number): readonly { readonly type: string; readonly times: number }[] {
  if (count === 1) return [{ type: types, times: 1 }]
  return types.split(',').map((run) => {
    const [type = '', times = '0'] = run.split('*')
    return { type, times: Number(times) }
  })
}
