import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { SessionFilter, SessionRecord, SessionSnapshot } from '../core/ports.ts'
import { noSandbox } from '../core/session-sandbox.ts'
import type { SessionRow } from './change.ts'

const emptySnapshot = JSON.stringify({ seq: 0, runtimeSessionId: null, transcript: [] } satisfies SessionSnapshot)

/** The table of sessions. Rows are never removed, so their numbers are also their count and their order. */
export class SessionRows {
  readonly #insert: StatementSync
  readonly #setSnapshot: StatementSync
  readonly #number: StatementSync
  readonly #find: StatementSync
  readonly #byKey: StatementSync
  readonly #list: StatementSync
  readonly #count: StatementSync
  readonly #ofEarlierRuns: number

  constructor(database: DatabaseSync) {
    this.#insert = database.prepare(`
      INSERT INTO session (session_id, runtime, credential_namespace, idempotency_key, record, snapshot) VALUES (?, ?, ?, ?, ?, ?)
      ON CONFLICT (session_id) DO NOTHING
    `)
    this.#setSnapshot = database.prepare('UPDATE session SET snapshot = ? WHERE session_no = ?')
    this.#number = database.prepare('SELECT session_no FROM session WHERE session_id = ?')
    this.#find = database.prepare('SELECT record, snapshot FROM session WHERE session_id = ?')
    this.#byKey = database.prepare('SELECT record FROM session WHERE idempotency_key = ? ORDER BY session_no LIMIT 1')
    this.#list = database.prepare(`
      SELECT record FROM session
      WHERE session_no > :after AND (:runtime IS NULL OR runtime = :runtime) AND (:namespace IS NULL OR credential_namespace = :namespace)
      ORDER BY session_no LIMIT :limit
    `)
    this.#count = database.prepare('SELECT coalesce(max(session_no), 0) AS count FROM session')
    this.#ofEarlierRuns = this.count()
  }

  insert(sessionId: string, { runtime, credentialNamespace, idempotencyKey, record }: SessionRow): void {
    this.#insert.run(sessionId, runtime, credentialNamespace, idempotencyKey, record, emptySnapshot)
  }

  setSnapshot(sessionNo: number, snapshot: string): void {
    this.#setSnapshot.run(snapshot, sessionNo)
  }

  number(sessionId: string): number | null {
    const row = this.#number.get(sessionId) as { session_no: number } | undefined
    return row?.session_no ?? null
  }

  find(sessionId: string): { readonly record: SessionRecord; readonly snapshot: SessionSnapshot } | null {
    const row = this.#find.get(sessionId) as { record: string; snapshot: string } | undefined
    return row === undefined ? null : { record: toRecord(row), snapshot: JSON.parse(row.snapshot) as SessionSnapshot }
  }

  byIdempotencyKey(key: string): SessionRecord | null {
    const row = this.#byKey.get(key)
    return row === undefined ? null : toRecord(row)
  }

  list({ scope, runtime, credentialNamespace }: SessionFilter, after: string | null, limit: number): readonly SessionRecord[] | null {
    const afterNo = after === null ? 0 : this.number(after)
    if (afterNo === null) return null
    const floor = scope === 'daemon' ? this.#ofEarlierRuns : 0
    const rows = this.#list.all({
      after: Math.max(afterNo, floor),
      runtime: runtime ?? null,
      namespace: credentialNamespace ?? null,
      limit,
    })
    return rows.map(toRecord)
  }

  count(): number {
    return (this.#count.get() as { count: number }).count
  }
}

/** Sessions of earlier daemons have no settings of a sandbox. */
function toRecord(row: unknown): SessionRecord {
  const record = JSON.parse((row as { record: string }).record) as Omit<SessionRecord, 'sandbox'> & Partial<SessionRecord>
  return { ...record, sandbox: record.sandbox ?? noSandbox }
}
