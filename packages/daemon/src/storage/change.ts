import type { Append, PendingEvent, SessionRecord, TaskRecord } from '../core/ports.ts'
import type { Committable } from './group-commit.ts'

/** An `Append` as it will be stored. Whatever its rows are made of may change afterwards. */
export interface Change extends Committable {
  readonly sessionId: string
  readonly events: readonly PendingEvent[]
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
  const texts = [
    rows.session?.record,
    rows.update?.record,
    rows.snapshot,
    ...rows.tasks.map(({ record }) => record),
    ...events.map(({ json }) => json),
  ]
  return { sessionId, events, durability, bytes: texts.reduce((sum, text) => sum + (text?.length ?? 0), 0), ...rows }
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
