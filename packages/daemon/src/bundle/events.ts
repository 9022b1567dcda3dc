import { setImmediate } from 'node:timers/promises'
import { isEventType, type Event } from '@codesdkd/protocol'
import type { EventLog } from '../core/ports.ts'
import { artifactRefs, bundleLimits, type BundleManifest } from './contents.ts'
import { createToolTranscripts, type ToolTranscript } from './tool-transcript.ts'

const PAGE = 200
/** Ids that events name; more than these are not looked up. */
const MAX_REFS = 10_000

interface BundleEventsOptions {
  readonly log: Pick<EventLog, 'lastSeq' | 'read'>
  readonly sessionId: string
  readonly redact: (values: readonly unknown[]) => Promise<readonly unknown[]>
  readonly signal: AbortSignal
}

/** The events of a session for its bundle, redacted page by page, and what is told from them. `lines` comes first. */
export interface BundleEvents {
  /** The newest events that fit, as JSON lines. */
  lines(): AsyncIterable<string>
  /** A JSON array of the tool calls in them. */
  transcripts(): Iterable<string>
  readonly refs: ReadonlySet<string>
  range(): BundleManifest['events']
  transcriptCounts(): BundleManifest['tool_transcripts']
}

export function createBundleEvents({ log, sessionId, redact, signal }: BundleEventsOptions): BundleEvents {
  const last = log.lastSeq(sessionId)
  const first = firstSeqWithin(log, sessionId, bundleLimits.events)
  const calls = createToolTranscripts()
  const ended = createLimitedList(bundleLimits.transcripts)
  const refs = new Set<string>()
  return {
    refs,
    range: () => ({ first_seq: first, last_seq: last, omitted: first - 1 }),
    transcriptCounts: () => ({ included: ended.items.length, omitted: ended.omitted() }),
    async *lines() {
      for (let after = first - 1; after < last;) {
        const page = log.read(sessionId, after, Math.min(PAGE, last - after))
        signal.throwIfAborted()
        if (page.length === 0) return
        const events = await redact(page.map(({ json }): unknown => JSON.parse(json)))
        for (const event of events) {
          yield `${JSON.stringify(event)}\n`
          for (const ref of artifactRefs(event)) if (refs.size < MAX_REFS) refs.add(ref)
          if (isEvent(event)) ended.add(calls.add(event))
        }
        after = page.at(-1)?.seq ?? last
        await setImmediate()
      }
      for (const open of calls.rest()) ended.add(open)
    },
    *transcripts() {
      yield '[\n'
      for (const [index, item] of ended.items.entries()) yield `${index === 0 ? '' : ',\n'}${item}`
      yield '\n]\n'
    },
  }
}

/** Stored events are events; what redaction made of one may have lost its type. */
function isEvent(value: unknown): value is Event {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string' && isEventType(value.type)
}

/** Texts up to a number of characters; the ones beyond are counted. */
function createLimitedList(limit: number) {
  const items: string[] = []
  let size = 0
  let omitted = 0
  return {
    items,
    omitted: () => omitted,
    add(transcript: ToolTranscript | null): void {
      if (transcript === null) return
      const text = JSON.stringify(transcript)
      if (size + text.length > limit) omitted += 1
      else {
        size += text.length
        items.push(text)
      }
    },
  }
}

/** Where to begin so that all events up to the last fit into so many characters; found from the end, window by window. */
function firstSeqWithin(log: Pick<EventLog, 'lastSeq' | 'read'>, sessionId: string, limit: number): number {
  let size = 0
  for (let end = log.lastSeq(sessionId); end > 0; end -= PAGE) {
    const start = Math.max(0, end - PAGE)
    const window = []
    for (let after = start; after < end;) {
      const page = log.read(sessionId, after, end - after)
      if (page.length === 0) break
      window.push(...page)
      after = page.at(-1)?.seq ?? end
    }
    for (const { seq, json } of window.toReversed()) {
      size += json.length
      if (size > limit) return seq + 1
    }
  }
  return 1
}
