import type { Event, PermissionMode } from '@codesdkd/protocol'
import type { Inputs, Verdict } from './call-events.ts'
import type { Planted } from './enclosure.ts'
import type { ArtifactStore, Clock, EventLog, FoundSource, NewId, SessionRecord } from './ports.ts'
import type { CheckAnswer } from './question.ts'
import type { Seats } from './seats.ts'
import type { Slots } from './slots.ts'
import type { NativeCall } from './task-host.ts'
import type { CheckSchema, ToolRegistry } from './tools.ts'

/** What every session of the daemon shares. */
export interface SessionWorld {
  readonly log: EventLog
  readonly artifacts: ArtifactStore
  readonly clock: Clock
  readonly newId: NewId
  readonly slots: Slots
  readonly seats: Seats
  readonly hash: Pick<Inputs, 'inputHash' | 'contentHash'>
  readonly queueLimit: number
  readonly idleTimeoutMs: number
  readonly approvalTimeoutMs: number | null
  readonly judge: (call: NativeCall, record: SessionRecord, mode: PermissionMode) => Promise<Verdict>
  readonly checkCwd: (cwd: string) => Promise<string>
  readonly checkAnswer: CheckAnswer
  readonly tools: ToolRegistry
  readonly checkSchema: CheckSchema
  /** Of what the session may write: see `TurnOptions`. */
  readonly watchConfiguration: (record: SessionRecord) => Promise<() => Promise<readonly Planted[]>>
  /** The files that the session's agent reads by itself. Never rejects. */
  readonly implicitSources: (record: SessionRecord) => Promise<readonly FoundSource[]>
  readonly observer: (event: Event) => void
  readonly report: (error: unknown, about: Readonly<Record<string, string>>) => void
}
