import { setImmediate } from 'node:timers/promises'
import {
  emptyTranscript,
  evolveTranscript,
  Problem,
  toMessagePlace,
  transcriptTypes,
  type MessagePlace,
  type Transcript,
  type TranscriptMessage,
  type TranscriptPage,
} from '@codesdkd/protocol'
import type { EventLog } from './ports.ts'
import { toEvent } from './stored-event.ts'

/** Events that are folded in one turn of the event loop. */
const SLICE = 250
/** Characters of JSON: a page holds about so much, and one message at least. */
const PAGE_WEIGHT = 1024 * 1024

export interface TranscriptRequest {
  readonly sessionId: string
  /** The transcript is that of the log up to here. */
  readonly lastSeq: number
  /** A `message_id`: only what follows it. */
  readonly after: string | null
  readonly limit: number
  /** Only this task; its events lie between these two, ends included. */
  readonly task: { readonly taskId: string; readonly first: number; readonly last: number } | null
  readonly signal: AbortSignal
}

/**
 * One page of a session's transcript, folded from the log in slices between which the event loop runs. It reads whole tasks, from the one
 * of the cursor on: linear in the events of the tasks that the page touches; little more than the page is held in memory. Rejects with
 * `invalid_cursor`, or with an AbortError.
 */
export async function readTranscript(log: Pick<EventLog, 'read'>, request: TranscriptRequest): Promise<TranscriptPage> {
  const place = request.after === null ? null : findPlace(log, request.after, request)
  const last = Math.min(request.lastSeq, request.task?.last ?? request.lastSeq)
  let transcript = emptyTranscript(request.sessionId)
  let weight = 0
  for (let seq = Math.max(place?.taskSeq ?? 1, request.task?.first ?? 1) - 1; seq < last;) {
    const rows = log.read(request.sessionId, seq, Math.min(SLICE, last - seq))
    if (rows.length === 0) break
    for (const row of rows) {
      seq = row.seq
      if (!transcriptTypes.has(row.type)) continue
      const event = toEvent(row)
      if (request.task !== null && event.trace.task_id !== request.task.taskId) continue
      if (event.type === 'task.started' && isFull(transcript, weight, place, request.limit))
        return toPage(transcript, place, request, { more: true })
      transcript = trim(evolveTranscript(transcript, event), place, request.limit)
      if (row.type !== 'model.output.delta' && (place === null || row.seq > place.seq)) weight += row.json.length
    }
    await setImmediate(undefined, { signal: request.signal })
  }
  return toPage(transcript, place, request, { more: false })
}

/** A cursor is a place, not a message: one whose message was discarded since still tells where to go on. */
function findPlace(log: Pick<EventLog, 'read'>, after: string, { sessionId, lastSeq }: TranscriptRequest): MessagePlace {
  const place = toMessagePlace(after)
  const known = place !== null && place.taskSeq <= place.seq && place.seq <= lastSeq
  if (known && log.read(sessionId, place.taskSeq - 1, 1)[0]?.type === 'task.started') return place
  throw new Problem('invalid_cursor', 'The cursor names no message.', { members: { after: after.slice(0, 200) } })
}

/** Between two tasks: whether the page need not look further. Within a task a later event may still change an earlier message. */
function isFull({ messages }: Transcript, weight: number, place: MessagePlace | null, limit: number): boolean {
  const newest = messages.at(-1)
  if (newest === undefined || !follows(newest, place)) return false
  return weight >= PAGE_WEIGHT || messages.filter((message) => follows(message, place)).length >= limit
}

/**
 * Forgets what the page will not show, so that a page costs the same wherever it stands in a long task. One message more stays on either
 * side: the first of the page may hold results of calls in the one before it, and its last goes on until another follows.
 */
function trim(transcript: Transcript, place: MessagePlace | null, limit: number): Transcript {
  const { messages } = transcript
  if (messages.length <= 2 * limit + 8) return transcript
  const first = messages.findIndex((message) => follows(message, place))
  const begin = first < 0 ? messages.length : first
  return { ...transcript, messages: messages.slice(Math.max(0, begin - 1), begin + limit + 1) }
}

function toPage(
  transcript: Transcript,
  place: MessagePlace | null,
  { lastSeq, limit }: TranscriptRequest,
  { more }: { more: boolean },
): TranscriptPage {
  const following = transcript.messages.filter((message) => follows(message, place))
  const messages = withinWeight(following.slice(0, limit))
  const cut = more || messages.length < following.length
  const tasks = transcript.tasks.filter(
    ({ task_id, status }) => messages.some((message) => message.task_id === task_id) || (!cut && status === 'running'),
  )
  return { ...transcript, last_seq: lastSeq, tasks, messages, next_after: cut ? (messages.at(-1)?.message_id ?? null) : null }
}

function follows(message: TranscriptMessage, place: MessagePlace | null): boolean {
  if (place === null || message.first_seq > place.seq) return true
  return message.first_seq === place.seq && (toMessagePlace(message.message_id)?.index ?? 0) > place.index
}

function withinWeight(messages: readonly TranscriptMessage[]): TranscriptMessage[] {
  let weight = 0
  const end = messages.findIndex((message, index) => (weight += JSON.stringify(message).length) > PAGE_WEIGHT && index > 0)
  return messages.slice(0, end < 0 ? messages.length : end)
}
