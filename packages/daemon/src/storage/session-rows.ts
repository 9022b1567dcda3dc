import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { SessionFilter, SessionRecord, SessionSnapshot } from '../core/ports.ts'
import { noSandbox } from '../core/session-sandbox.ts'
import type { SessionRow } from './change.ts'

/** The highest number that was ever given. */
const lastNumber = `max(
  (SELECT coalesce(max(session_no), 0) FROM session),
  coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'last_session_no'), 0)
)`

const emptySnapshot = JSON.stringify({ seq: 0, runtimeSessionId: null, transcript: [] } satisfies SessionSnapshot)

/** The table of sessions. Their numbers are their order: none is ever given again, also after its session is gone. */
export class SessionRows {
  readonly #insert: StatementSync
  readonly #insertAt: StatementSync
  readonly #update: StatementSync
  readonly #setSnapshot: StatementSync
  readonly #number: StatementSync
  readonly #find: StatementSync
  readonly #byKey: StatementSync
  readonly #list: StatementSync
  readonly #ages: StatementSync
  readonly #lastNumber: StatementSync
  readonly #count: StatementSync
  readonly #ofEarlierRuns: number

  constructor(database: DatabaseSync) {
    this.#insert = database.prepare(`
      INSERT INTO session (session_no, session_id, runtime, credential_namespace, idempotency_key, archived, record, snapshot)
      VALUES (1 + ${lastNumber}, ?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT (session_id) DO NOTHING
    `)
    this.#insertAt = database.prepare(`
      INSERT INTO session (session_no, session_id, runtime, credential_namespace, idempotency_key, archived, record, snapshot)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT (session_id) DO NOTHING
    `)
    this.#update = database.prepare('UPDATE session SET runtime = ?, archived = ?, record = ? WHERE session_no = ?')
    this.#setSnapshot = database.prepare('UPDATE session SET snapshot = ? WHERE session_no = ?')
    this.#number = database.prepare('SELECT session_no FROM session WHERE session_id = ?')
    this.#find = database.prepare('SELECT record, snapshot FROM session WHERE session_id = ?')
    this.#byKey = database.prepare('SELECT record FROM session WHERE idempotency_key = ? ORDER BY session_no LIMIT 1')
    this.#list = database.prepare(`
      SELECT record FROM session
      WHERE session_no > :after AND (:runtime IS NULL OR runtime = :runtime) AND (:namespace IS NULL OR credential_namespace = :namespace)
        AND (:archived IS NULL OR archived = :archived)
      ORDER BY session_no LIMIT :limit
    `)
    this.#ages = database.prepare(`
      SELECT session_no AS position, session_id, (
        SELECT body FROM event WHERE event.session_no = session.session_no ORDER BY seq DESC LIMIT 1
      ) AS last_body
      FROM session WHERE session_no > :after AND (:id IS NULL OR session_id = :id) ORDER BY session_no LIMIT :limit
    `)
    this.#count = database.prepare('SELECT count(*) AS count FROM session')
    this.#lastNumber = database.prepare(`SELECT ${lastNumber} AS last`)
    this.#ofEarlierRuns = this.lastNumber()
  }

  insert(sessionId: string, { runtime, credentialNamespace, idempotencyKey, archived, record }: SessionRow): void {
    this.#insert.run(sessionId, runtime, credentialNamespace, idempotencyKey, archived, record, emptySnapshot)
  }

  /** A row whose number was taken before. */
  insertAt(sessionNo: number, sessionId: string, { runtime, credentialNamespace, idempotencyKey, archived, record }: SessionRow): void {
    this.#insertAt.run(sessionNo, sessionId, runtime, credentialNamespace, idempotencyKey, archived, record, emptySnapshot)
  }

  /** What changes of a row: its settings. */
  update(sessionNo: number, { runtime, archived, record }: SessionRow): void {
    this.#update.run(runtime, archived, record, sessionNo)
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
      archived: scope === 'all' ? null : Number(scope === 'archived'),
      limit,
    })
    return rows.map(toRecord)
  }

  /** Sessions after a number, or the one of this id, with the time of their last event. */
  ages({ after = 0, sessionId = null, limit }: { readonly after?: number; readonly sessionId?: string | null; readonly limit: number }) {
    const rows = this.#ages.all({ after, id: sessionId, limit }) as { position: number; session_id: string; last_body: string | null }[]
    return rows.map(({ position, session_id, last_body }) => ({ position, sessionId: session_id, lastTime: toTime(last_body) }))
  }

  /** The highest number that was ever given; 0 before the first. */
  lastNumber(): number {
    return (this.#lastNumber.get() as { last: number }).last
  }

  count(): number {
    return (this.#count.get() as { count: number }).count
  }
}

/** When the last event of a row was. */
function toTime(body: string | null): string | null {
  if (body === null) return null
  // The last event is the last line of its frame; in a row of an earlier daemon, of the row.
  const line = body.trimEnd()
  const json = line.slice(line.indexOf('{', line.lastIndexOf('\n') + 1))
  return (JSON.parse(json) as { time: string }).time
}

type Later = 'sandbox' | 'archived' | 'generation' | 'withheld' | 'forkedFrom'

/** Sessions of earlier daemons have no settings of a sandbox, and could not be archived, handed off or forked. */
export function toRecord(row: unknown): SessionRecord {
  const record = JSON.parse((row as { record: string }).record) as Omit<SessionRecord, Later> & Partial<SessionRecord>
  const { sandbox = noSandbox, archived = false, generation = 0, withheld = [], forkedFrom = null } = record
  return { ...record, sandbox, archived, generation, withheld, forkedFrom }
}
