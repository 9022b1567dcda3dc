import type { Event } from '@codesdkd/protocol'
import type { SessionRecord } from './ports.ts'

/** An event of another log, in its own bytes. */
export interface RecordedEvent {
  readonly event: Event
  /** One line. */
  readonly json: string
}

/** A session as a support bundle tells of it. */
export interface Recording {
  /** As it was before the first of the events. */
  readonly record: SessionRecord
  /** At least one; their `seq` have no gap, and need not begin with 1. */
  readonly events: readonly RecordedEvent[]
  readonly artifacts: readonly { readonly artifactId: string; readonly contentType: string; readonly content: Uint8Array }[]
  /** Where it was made. */
  readonly origin: { readonly runtime: string; readonly daemonVersion: string; readonly generatedAt: string }
}
