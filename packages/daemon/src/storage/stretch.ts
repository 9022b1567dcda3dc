import type { PendingEvent } from '../core/ports.ts'

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
  /** One JSON text to a line. */
  readonly body: string
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

/** The types and JSON texts of a row, from the event with this index on. */
export function fromStretch(
  { count, types, body }: Omit<Stretch, 'seq'>,
  from = 0,
): readonly { readonly type: string; readonly json: string }[] {
  if (count === 1) return from === 0 ? [{ type: types, json: body }] : []
  const lines = body.split('\n')
  const found: { readonly type: string; readonly json: string }[] = []
  let end = 0
  for (const { type, times } of toRuns(types)) {
    const begin = Math.max(end, from)
    end += times
    for (const json of lines.slice(begin, end)) found.push({ type, json })
  }
  return found
}

/** Index of the last event of one of these types; -1 where there is none. */
export function findLastOf({ count, types }: Pick<Stretch, 'count' | 'types'>, wanted: readonly string[]): number {
  if (count === 1) return wanted.includes(types) ? 0 : -1
  let end = 0
  let last = -1
  for (const { type, times } of toRuns(types)) {
    end += times
    if (wanted.includes(type)) last = end - 1
  }
  return last
}

function toStretch(events: readonly PendingEvent[]): Stretch {
  const [first] = events
  if (first === undefined) throw new Error('a row without events')
  if (events.length === 1) return { seq: first.seq, count: 1, types: first.type, body: first.json }
  return { seq: first.seq, count: events.length, types: toTypes(events), body: events.map(({ json }) => json).join('\n') }
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

function toRuns(types: string): readonly { readonly type: string; readonly times: number }[] {
  return types.split(',').map((run) => {
    const [type = '', times = '0'] = run.split('*')
    return { type, times: Number(times) }
  })
}
