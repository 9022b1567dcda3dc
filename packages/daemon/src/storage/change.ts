import type { Append, PendingEvent, SessionRecord, TaskRecord } from '../core/ports.ts'
import type { Committable } from './group-commit.ts'

/** Text beyond which nothing is joined: where little room is left on the disk, little may still fit. */
const JOINED_LIMIT = 128 * 1024

/** An `Append` as it will be stored. Whatever its rows are made of may change afterwards. */
export interface Change extends Committable {
  readonly sessionId: string
  readonly events: PendingEvent[]
  bytes: number
  readonly session: SessionRow | null
  /** In place of the row that is there. */
  readonly update: SessionRow | null
  readonly snapshot: string | null
  readonly tasks: readonly TaskRow[]
}

export interface SessionRow {
  readonly runtime: string
  readonly credentialNamespace: string
  readonly idempotencyKey: string | null
  readonly archived: 0 | 1
  readonly record: string
}

export interface TaskRow {
  readonly taskId: string
  readonly open: 0 | 1
  readonly record: string
}

/** Throws for what is not JSON, so that only its own append fails. */
export function toChange({ sessionId, events, durability, session, update, snapshot, tasks = [] }: Append): Change {
  const rows = {
    session: session === undefined ? null : toSessionRow(session),
    update: update === undefined ? null : toSessionRow(update),
    snapshot: snapshot === undefined ? null : JSON.stringify(snapshot),
    tasks: tasks.map(toTaskRow),
  }
  const texts = [rows.session?.record, rows.update?.record, rows.snapshot, ...rows.tasks.map(({ record }) => record)]
  let bytes = 0
  for (const text of texts) bytes += text?.length ?? 0
  for (const { json } of events) bytes += json.length
  return { sessionId, events: [...events], durability, bytes, ...rows }
}

/** True for events alone, which can wait: others of the session can join them, and be written with them. */
export function isJoinable({ durability, session, update, snapshot, tasks }: Change): boolean {
  return durability === 'lazy' && session === null && update === null && snapshot === null && tasks.length === 0
}

/** Adds the events of `change` to those of `open`, both of one session and joinable. False, and nothing is done, where they would be too many. */
export function joinChange(open: Change, change: Change): boolean {
  if (open.bytes + change.bytes > JOINED_LIMIT) return false
  open.events.push(...change.events)
  open.bytes += change.bytes
  return true
}

export function toSessionRow(session: SessionRecord): SessionRow {
  return {
    runtime: session.runtime,
    credentialNamespace: session.credentialNamespace,
    idempotencyKey: session.idempotency?.key ?? null,
    archived: session.archived ? 1 : 0,
    record: JSON.stringify(session),
  }
}

export function toTaskRow(record: TaskRecord): TaskRow {
  return { taskId: record.task.task_id, open: record.task.status === 'running' ? 1 : 0, record: JSON.stringify(record) }
}
