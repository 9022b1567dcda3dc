import type { Event } from '@codesdkd/protocol'
import { followPlace, type FollowingOptions, type Place } from './following.ts'
import type { Transport } from './transport.ts'

export interface FollowOptions extends FollowingOptions {
  /** The last `seq` that is known already (0). */
  readonly after?: number | undefined
}

export interface FollowAllOptions extends FollowingOptions {
  /** The `cursor` of the last event that is known already; `latest` begins with what happens from now on. Without it: everything. */
  readonly after?: string | undefined
}

/** An event of any session, and the place to go on from. */
export interface PlacedEvent {
  readonly cursor: string
  readonly event: Event
}

/** The events of a session, past and to come: each once, in order, none left out, whatever happens to daemon and network meanwhile. */
export async function* follow(
  transport: Transport,
  sessionId: string,
  { after = 0, ...options }: FollowOptions = {},
): AsyncGenerator<Event, void, void> {
  const filtered = options.types !== undefined
  const place: Place = {
    path: `/sessions/${encodeURIComponent(sessionId)}/events`,
    query: { stream: 1 },
    start: String(after),
    // There is nothing before the first event: a replayed bundle may have left out the oldest ones.
    startOf: (control, position) => String(Math.max(Number(position), Number(control['first_seq'] ?? 1) - 1)),
    endOf: (control) => String(control['last_seq']),
    judge(event, position) {
      const last = Number(position)
      if (event.seq <= last) return 'seen'
      return filtered || event.seq === last + 1 ? 'next' : 'gap'
    },
  }
  for await (const { event } of followPlace(transport, place, options)) yield event
}

/** The same over all sessions that the caller sees. The daemon alone knows what comes next there. */
export async function* followAll(
  transport: Transport,
  { after, ...options }: FollowAllOptions = {},
): AsyncGenerator<PlacedEvent, void, void> {
  const place: Place = {
    path: '/events',
    query: after === 'latest' ? { after } : {},
    start: after === undefined || after === 'latest' ? null : after,
    startOf: (_, position) => position,
    endOf: (control) => String(control['last_cursor']),
    judge: () => 'next',
  }
  for await (const { position, event } of followPlace(transport, place, options)) yield { cursor: position, event }
}
