import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { TaskRecord } from '../core/ports.ts'
import type { TaskRow } from './change.ts'

/** The table of tasks: the latest state of each, in order of creation. */
export class TaskRows {
  readonly #put: StatementSync
  readonly #find: StatementSync
  readonly #number: StatementSync
  readonly #list: StatementSync
  readonly #sessionsWithOpen: StatementSync

  constructor(database: DatabaseSync) {
    this.#put = database.prepare(`
      INSERT INTO task (session_no, task_id, open, record) VALUES (?, ?, ?, ?)
      ON CONFLICT (session_no, task_id) DO UPDATE SET open = excluded.open, record = excluded.record
    `)
    this.#find = database.prepare('SELECT task.record FROM task JOIN session USING (session_no) WHERE session_id = ? AND task_id = ?')
    this.#number = database.prepare('SELECT task_no FROM task JOIN session USING (session_no) WHERE session_id = ? AND task_id = ?')
    this.#list = database.prepare(`
      SELECT record FROM task
      WHERE session_no = (SELECT session_no FROM session WHERE session_id = ?) AND task_no > ? ORDER BY task_no LIMIT ?
    `)
    this.#sessionsWithOpen = database.prepare(
      'SELECT DISTINCT session_id FROM task JOIN session USING (session_no) WHERE open = 1 ORDER BY session_no',
    )
  }

  put(sessionNo: number, { taskId, open, record }: TaskRow): void {
    this.#put.run(sessionNo, taskId, open, record)
  }

  find(sessionId: string, taskId: string): TaskRecord | null {
    const row = this.#find.get(sessionId, taskId)
    return row === undefined ? null : toRecord(row)
  }

  list(sessionId: string, after: string | null, limit: number): readonly TaskRecord[] | null {
    const cursor = after === null ? { task_no: 0 } : (this.#number.get(sessionId, after) as { task_no: number } | undefined)
    return cursor === undefined ? null : this.#list.all(sessionId, cursor.task_no, limit).map(toRecord)
  }

  sessionsWithOpenTasks(): readonly string[] {
    return (this.#sessionsWithOpen.all() as { session_id: string }[]).map((row) => row.session_id)
  }
}

function toRecord(row: unknown): TaskRecord {
  return JSON.parse((row as { record: string }).record) as TaskRecord
}
