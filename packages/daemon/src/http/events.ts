import * as z from 'zod'
import { event, eventPage, Problem } from '@codesdkd/protocol'
import { sessionNotFound } from '../core/unknown.ts'
import { toEventFilter } from './event-filter.ts'
import { eventStream, followAll, followSession, fromCursor, type Followable, type FollowOptions } from './event-stream.ts'
import type { Exchange } from './exchange.ts'
import { pageSize, plainInteger } from './query.ts'
import type { Reply } from './reply.ts'
import type { OwnContext } from './own-context.ts'
import { rawRoute, type Route } from './route.ts'

const types = z.string().max(4096).optional().describe('only these event types; `tool.*` stands for all that begin with `tool.`')
const until = z.enum(['idle']).optional().describe('`idle` ends the stream when no task is open and all was sent')

const requestHeaders = { 'Last-Event-ID': 'id of the last frame that was seen; the stream goes on after it. Wins over the query.' }

const sessionQuery = z.object({
  after_seq: plainInteger({ min: 0 }).optional().describe('start after this seq'),
  from_seq: plainInteger({ min: 0 }).optional().describe('the same as after_seq'),
  limit: pageSize({ fallback: 500, max: 5_000 }),
  stream: z.enum(['0', '1']).optional().describe('`1` streams, like `Accept: text/event-stream`'),
  types,
  until,
})

export const eventRoutes: readonly Route[] = [
  rawRoute({
    method: 'GET',
    path: '/sessions/{session_id}/events',
    operationId: 'readEvents',
    tag: 'events',
    verb: 'events:read',
    summary: 'Events of a session: a page, or a stream',
    description:
      'As a page: `next_seq` is the value to pass as `after_seq` next; a page is cut at `limit` events or about 1 MB, and `has_more` says whether there is more. ' +
      'As a stream (`Accept: text/event-stream` or `stream=1`): `event: ready` first, with the `first_seq` and `last_seq` of what there is, then `id: <seq>` and one unnamed `data:` line per event; `event: caught_up` when ' +
      'replay has reached the live tip; `event: resync` when the cursor is beyond the end of the log.',
    requestHeaders,
    errors: ['session_not_found', 'cursor_ahead', 'sse_limit'],
    query: sessionQuery,
    success: { status: 200, description: 'Events', content: { 'application/json': eventPage, 'text/event-stream': event } },
    handle({ params, query, exchange, context }) {
      const sessionId = params.session_id
      if (context.log.lastSeq(sessionId) === 0) throw sessionNotFound(sessionId)
      const after = startOf(query)
      const source = followSession(context.log, sessionId)
      if (!wantsStream(query.stream, exchange)) return pageOf(source, context, { after, limit: query.limit, types: query.types })
      const position = plainCursor(exchange) ?? after
      return toStream(source, exchange, context, {
        after: position,
        resync: position > source.tip() ? 'cursor_ahead' : null,
        untilIdle: query.until === 'idle',
        filter: toEventFilter(query.types),
      })
    },
  }),
  rawRoute({
    method: 'GET',
    path: '/events',
    operationId: 'streamEvents',
    tag: 'events',
    verb: 'events:read',
    summary: 'Events of all sessions, as one stream',
    description:
      'Ordered by a durable cursor over the whole log (`id: <cursor>`, opaque). Resume with `Last-Event-ID` or `after`; `after=latest` starts at the live tip. ' +
      '`event: resync` says that the cursor belongs to another log, or lies beyond the end of this one.',
    requestHeaders,
    errors: ['invalid_cursor', 'sse_limit'],
    query: z.object({ after: z.string().optional().describe('a cursor, or `latest`'), types, until }),
    success: { status: 200, description: 'Events', content: { 'text/event-stream': event } },
    handle({ query, exchange, context }) {
      const source = followAll(context.log)
      return toStream(source, exchange, context, {
        ...globalStart(lastEventId(exchange) ?? query.after, context, source),
        untilIdle: query.until === 'idle',
        filter: toEventFilter(query.types),
      })
    },
  }),
]

function startOf(query: z.output<typeof sessionQuery>): number {
  const { after_seq, from_seq } = query
  if (after_seq !== undefined && from_seq !== undefined && after_seq !== from_seq) {
    throw new Problem('invalid_request', 'after_seq and from_seq mean the same and differ.', { members: { field: 'after_seq' } })
  }
  return after_seq ?? from_seq ?? 0
}

function globalStart(cursor: string | undefined, { log }: OwnContext, source: Followable): Pick<FollowOptions, 'after' | 'resync'> {
  if (cursor === undefined) return { after: 0, resync: null }
  if (cursor === 'latest') return { after: source.tip(), resync: null }
  const parts = fromCursor(cursor)
  if (parts === null) throw new Problem('invalid_cursor', 'This is not a cursor of GET /events.', { members: { field: 'after' } })
  if (parts.logId !== log.logId) return { after: 0, resync: 'log_changed' }
  return { after: parts.cursor, resync: parts.cursor > source.tip() ? 'cursor_ahead' : null }
}

function lastEventId({ headers }: Exchange): string | undefined {
  const value = headers['last-event-id']
  return typeof value === 'string' && value !== '' ? value : undefined
}

function plainCursor(exchange: Exchange): number | undefined {
  const value = lastEventId(exchange)
  if (value === undefined) return undefined
  const parsed = plainInteger({ min: 0 }).safeParse(value)
  if (!parsed.success)
    throw new Problem('invalid_request', 'Last-Event-ID must be a seq of this session.', { members: { field: 'Last-Event-ID' } })
  return parsed.data
}

/** `stream` decides where it is given, else whether the client accepts an event stream by name. */
function wantsStream(stream: '0' | '1' | undefined, { headers }: Exchange): boolean {
  if (stream !== undefined) return stream === '1'
  return (headers.accept ?? '').split(',').some((range) => {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase())
    return type === 'text/event-stream' && !parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter))
  })
}

/** One page. The stored bytes are joined into the answer and never parsed. A filter skips events, but `next_seq` passes them. */
function pageOf(source: Followable, { log }: OwnContext, query: { after: number; limit: number; types: string | undefined }): Reply {
  const filter = toEventFilter(query.types)
  const tip = source.tip()
  if (query.after > tip) throw new Problem('cursor_ahead', `The log ends at seq ${tip}.`, { members: { last_seq: tip, log_id: log.logId } })
  const { events: read, end } = source.read(query.after, query.limit)
  const next = end ?? query.after
  const events = read
    .filter(({ type }) => filter(type))
    .map(({ json }) => json)
    .join(',')
  return {
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: `{"events":[${events}],"next_seq":${next},"has_more":${next < source.tip()}}`,
  }
}

type Start = Pick<FollowOptions, 'after' | 'resync' | 'untilIdle' | 'filter'>

function toStream(source: Followable, exchange: Exchange, { limits }: OwnContext, start: Start): Reply {
  const { signal, closing, recent } = exchange
  return {
    status: 200,
    // The end of the stream is the end of the connection: a daemon that closes need not wait for it to idle out.
    headers: {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
      connection: 'close',
    },
    dispose: exchange.openStream(),
    body: eventStream(source, { ...start, keepAliveMs: limits.keepAliveMs, signal, closing, recent }),
  }
}
