import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { Problem, terminalTypes } from '@codesdkd/protocol'
import type {
  Append,
  Durability,
  EventLog,
  Frames,
  NewId,
  SessionFilter,
  SessionAge,
  SessionCopy,
  SessionRecord,
  SessionSnapshot,
  StoredEvent,
  TaskRecord,
} from '../core/ports.ts'
import { Ballast } from './ballast.ts'
import { isJoinable, joinChange, toChange, toSessionRow, toTaskRow, type Change } from './change.ts'
import type { DataDir } from './data-dir.ts'
import { EventRows } from './event-rows.ts'
import { GroupCommit } from './group-commit.ts'
import { HighWaterMark } from './high-water-mark.ts'
import { Listeners } from './listeners.ts'
import { LiveSessions, toLiveSession, type LiveSession } from './live-sessions.ts'
import { closeIdentity, openIdentity, type LogGap } from './log-identity.ts'
import { LogWriter, type Rows, type Written } from './log-writer.ts'
import { toPage } from './page.ts'
import { RemovalRows } from './removal-rows.ts'
import { SessionCopies } from './session-copies.ts'
import { SessionRows } from './session-rows.ts'
import { isOutOfRoom } from './sqlite-error.ts'
import { fromStretch, toFrames, type StoredStretch } from './stretch.ts'
import { Tail } from './tail.ts'
import { TaskRows } from './task-rows.ts'

export interface EventLogOptions {
  readonly dir: DataDir
  readonly database: DatabaseSync
  readonly newId: NewId
  /** Names the time since the machine was started. */
  readonly bootId: string
  /** Told when writes begin to fail, with the cause, and with null when all is well again. */
  readonly onFailure?: (failure: Error | null) => void
  /** Told after each transaction how many seconds it took. */
  readonly onCommit?: (seconds: number) => void
}

/** The log in SQLite. Disposing commits what waits and notes the clean stop; the database stays open. */
export class SqliteEventLog implements EventLog {
  readonly logId: string
  /** Set when events are missing that were known to be on the disk. */
  readonly gap: LogGap | null
  readonly #database: DatabaseSync
  readonly #rows: Rows
  readonly #removals: RemovalRows
  readonly #copies: SessionCopies
  /** Sessions that grow, and are not to be erased meanwhile. */
  readonly #growing = new Set<string>()
  readonly #writer: LogWriter
  readonly #commits: GroupCommit<Change>
  readonly #mark: HighWaterMark
  readonly #ballast: Ballast
  readonly #live = new LiveSessions()
  readonly #tail = new Tail({ position: ({ cursor }) => cursor })
  readonly #followers = new Listeners<string>()
  readonly #allFollowers = new Listeners<null>()
  readonly #onFailure: (failure: Error | null) => void
  readonly #onCommit: (seconds: number) => void
  #lastCursor: number
  #failure: Error | null = null
  #closed = false

  /** Throws what SQLite and the file system throw. */
  constructor({ dir, database, newId, bootId, onFailure = () => {}, onCommit = () => {} }: EventLogOptions) {
    this.#database = database
    this.#rows = { events: new EventRows(database), sessions: new SessionRows(database), tasks: new TaskRows(database) }
    this.#removals = new RemovalRows(database, this.#rows.events)
    this.#copies = new SessionCopies(database, this.#rows)
    this.#writer = new LogWriter(database, this.#rows)
    this.#commits = new GroupCommit({ commit: (changes, durability) => this.#commit(changes, durability) })
    this.#lastCursor = this.#rows.events.lastCursor()
    this.#mark = new HighWaterMark(dir)
    const identity = openIdentity(database, { newId, bootId, mark: this.#mark.read(), lastCursor: this.#lastCursor })
    this.logId = identity.logId
    this.gap = identity.gap
    this.#mark.write(this.#lastCursor)
    this.#onFailure = onFailure
    this.#onCommit = onCommit
    this.#ballast = new Ballast(join(dir.path, 'ballast'), {
      onRestored: () => {
        if (!this.#commits.failing) this.#recover()
      },
    })
    if (!this.#ballast.held) this.#fail(new Error('the disk is full'))
  }

  /** Also false while only the last reserve of a full disk is left: what is queued is written, but no new work should begin. */
  get writable(): boolean {
    return this.#failure === null
  }

  /** Why the log is not writable. */
  get failure(): Error | null {
    return this.#failure
  }

  /** Also rejects, and queues nothing, when the events do not follow on those before them: the caller's mistake. */
  append(append: Append): Promise<void> {
    try {
      if (this.#closed) throw new Problem('shutting_down', 'The log is closed.')
      const change = toChange(append)
      return this.#queue(change, this.#accept(change))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #queue(change: Change, live: LiveSession): Promise<void> {
    const joinable = isJoinable(change)
    if (joinable && live.open !== null && joinChange(live.open.change, change)) return live.open.committed
    live.pending += 1
    const settle = () => void (live.pending -= 1)
    const committed = this.#commits.push(change)
    // Before whoever waits for it goes on.
    committed.then(settle, settle)
    live.open = joinable ? { change, committed } : null
    return committed
  }

  read(sessionId: string, after: number, limit: number, weight?: number): readonly StoredEvent[] {
    const recent = this.#live.get(sessionId)?.tail.after(after)
    return recent == null
      ? this.#reading(() => this.#rows.events.ofSession(sessionId, after, limit, weight))
      : toPage(
          eventsOf(recent, ({ seq }) => after + 1 - seq),
          limit,
          weight,
        )
  }

  frames(sessionId: string, after: number, weight: number): Frames | null {
    const recent = this.#live.get(sessionId)?.tail.after(after)
    return recent == null ? this.#reading(() => this.#rows.events.frames(sessionId, after, weight)) : toFrames(recent, after, weight)
  }

  readAll(after: number, limit: number, weight?: number): readonly StoredEvent[] {
    const recent = this.#tail.after(after)
    return recent === null
      ? this.#reading(() => this.#rows.events.all(after, limit, weight))
      : toPage(
          eventsOf(recent, ({ cursor }) => after + 1 - cursor),
          limit,
          weight,
        )
  }

  lastSeq(sessionId: string): number {
    return this.#live.get(sessionId)?.committed ?? this.#reading(() => this.#load(sessionId).committed)
  }

  lastCursor(): number {
    return this.#lastCursor
  }

  watch(sessionId: string, listener: () => void): Disposable {
    return this.#followers.add(sessionId, listener)
  }

  watchAll(listener: () => void): Disposable {
    return this.#allFollowers.add(null, listener)
  }

  session(sessionId: string): { readonly record: SessionRecord; readonly snapshot: SessionSnapshot } | null {
    return this.#reading(() => this.#rows.sessions.find(sessionId))
  }

  sessions(filter: SessionFilter, after: string | null, limit: number): readonly SessionRecord[] | null {
    return this.#reading(() => this.#rows.sessions.list(filter, after, limit))
  }

  sessionByIdempotencyKey(key: string): SessionRecord | null {
    return this.#reading(() => this.#rows.sessions.byIdempotencyKey(key))
  }

  task(sessionId: string, taskId: string): TaskRecord | null {
    return this.#reading(() => this.#rows.tasks.find(sessionId, taskId))
  }

  tasks(sessionId: string, after: string | null, limit: number): readonly TaskRecord[] | null {
    return this.#reading(() => this.#rows.tasks.list(sessionId, after, limit))
  }

  sessionsWithOpenTasks(): readonly string[] {
    return this.#reading(() => this.#rows.tasks.sessionsWithOpenTasks())
  }

  discard(sessionId: string): void {
    if ((this.#live.get(sessionId)?.pending ?? 0) > 0)
      throw new Problem('storage_unavailable', 'Something of the session waits to be written.', { retryAfter: 5 })
    this.#apart(() => this.#removals.add(sessionId, { lastCursor: this.#lastCursor, lastSessionNo: this.#rows.sessions.lastNumber() }))
    this.#live.forget(sessionId)
    this.#tail.clear()
    this.#followers.tell(sessionId)
  }

  discarded(): readonly SessionRecord[] {
    return this.#reading(() => this.#removals.list()).filter(({ sessionId }) => !this.#growing.has(sessionId))
  }

  lastEnd(sessionId: string): number {
    return this.#reading(() => this.#rows.events.lastOf(sessionId, terminalTypes))
  }

  copy(record: SessionRecord): SessionCopy {
    const { sessionId } = record
    const row = toSessionRow(record)
    const sessionNo = this.#apart(() => this.#copies.begin(sessionId, row))
    this.#growing.add(sessionId)
    return {
      add: (events) => this.#apart(() => this.#copies.add(sessionId, sessionNo, events), 'lazy'),
      addTasks: (tasks) => this.#apart(() => this.#copies.addTasks(sessionNo, tasks.map(toTaskRow)), 'lazy'),
      publish: (events, snapshot) => {
        const about = { sessionNo, sessionId, row, snapshot: JSON.stringify(snapshot) }
        const stored = this.#apart(() => this.#copies.publish(about, events, this.#lastCursor))
        this.#publish({ sessionId, sessionNo, stretches: stored })
        this.#mark.note(this.#lastCursor)
        this.#allFollowers.tell(null)
      },
      [Symbol.dispose]: () => void this.#growing.delete(sessionId),
    }
  }

  /** Erases the rows of a discarded session; see `RemovalRows.erase`. */
  async erase(sessionId: string, signal: AbortSignal): Promise<void> {
    await this.#removals.erase(sessionId, signal)
  }

  ages(after: number, limit: number): readonly SessionAge[] {
    return this.#reading(() => this.#rows.sessions.ages({ after, limit }))
  }

  lastTime(sessionId: string): string | null {
    return this.#reading(() => this.#rows.sessions.ages({ sessionId, limit: 1 }))[0]?.lastTime ?? null
  }

  stats(): { readonly sessions: number; readonly events: number; readonly bytes: number } {
    return this.#reading(() => {
      const size = this.#database.prepare('SELECT page_count * page_size AS bytes FROM pragma_page_count, pragma_page_size').get() as {
        bytes: number
      }
      return {
        sessions: this.#rows.sessions.count(),
        events: this.#lastCursor + this.#copies.copiedEvents() - this.#removals.erasedEvents(),
        bytes: size.bytes,
      }
    })
  }

  [Symbol.dispose](): void {
    if (this.#closed) return
    this.#closed = true
    this.#commits[Symbol.dispose]()
    this.#ballast[Symbol.dispose]()
    this.#followers.tellAll()
    this.#allFollowers.tellAll()
    this.#stopCleanly()
    this.#mark[Symbol.dispose]()
  }

  /** Checks that a change follows on what is queued, and counts it as queued. */
  #accept({ sessionId, session, events }: Change): LiveSession {
    const live = this.#live.get(sessionId) ?? this.#reading(() => this.#load(sessionId))
    const known = live.no !== null || live.pending > 0
    if (known === (session !== null)) throw new Error(`session ${sessionId} ${known ? 'exists already' : 'is not known'}`)
    let seq = live.queued
    for (const event of events) {
      seq += 1
      if (event.seq !== seq || event.sessionId !== sessionId)
        throw new Error(`seq ${event.seq} of ${event.sessionId} where ${seq} of ${sessionId} is next`)
    }
    live.queued = seq
    this.#live.keep(sessionId, live)
    return live
  }

  #load(sessionId: string): LiveSession {
    const no = this.#rows.sessions.number(sessionId)
    return toLiveSession(no === null ? null : { no, lastSeq: this.#rows.events.lastSeq(no) })
  }

  #commit(changes: readonly Change[], durability: Durability): void {
    try {
      this.#withReserve(() => this.#write(changes, durability))
    } catch (error) {
      this.#fail(error)
      throw error
    }
    this.#recover()
  }

  /** A transaction of its own, past the queue of changes. */
  #apart<T>(body: () => T, durability: Durability = 'synced'): T {
    try {
      return this.#withReserve(() => this.#writer.apart(body, durability))
    } catch (cause) {
      throw new Problem('storage_unavailable', 'The log cannot be written.', { cause, retryAfter: 5 })
    }
  }

  /** A full disk gets the reserve, once; until it is there again the log counts as not writable. */
  #withReserve<T>(write: () => T): T {
    try {
      return write()
    } catch (error) {
      if (!isOutOfRoom(error) || !this.#ballast.release()) throw error
      this.#fail(error)
      return write()
    }
  }

  #write(changes: readonly Change[], durability: Durability): void {
    const begun = performance.now()
    const rows = this.#writer.write(changes, {
      durability,
      lastCursor: this.#lastCursor,
      known: (sessionId) => this.#live.get(sessionId)?.no ?? null,
    })
    const seconds = (performance.now() - begun) / 1000
    for (const written of rows) this.#publish(written)
    if (durability === 'synced') this.#mark.note(this.#lastCursor)
    this.#allFollowers.tell(null)
    this.#onCommit(seconds)
  }

  /** From here on the events can be seen. */
  #publish({ sessionId, sessionNo, stretches }: Written): void {
    const live = this.#live.get(sessionId)
    if (live !== undefined) {
      live.no = sessionNo
      live.open = null
    }
    for (const stretch of stretches) {
      this.#lastCursor = stretch.cursor + stretch.count - 1
      this.#tail.push(stretch)
      if (live === undefined) continue
      live.committed = stretch.seq + stretch.count - 1
      live.tail.push(stretch)
    }
    if (stretches.length > 0) this.#followers.tell(sessionId)
  }

  #fail(error: unknown): void {
    const first = this.#failure === null
    this.#failure = error instanceof Error ? error : new Error(String(error))
    if (first) this.#onFailure(this.#failure)
  }

  /** All is well only when the reserve is there again too. */
  #recover(): void {
    if (this.#failure === null || !this.#ballast.held) return
    this.#failure = null
    this.#onFailure(null)
  }

  #reading<T>(read: () => T): T {
    try {
      return read()
    } catch (cause) {
      throw new Problem('storage_unavailable', 'The log cannot be read.', { cause })
    }
  }

  /** Where the disk does not let it, the next start treats this as a crash, which is safe. */
  #stopCleanly(): void {
    try {
      this.#database.exec('PRAGMA synchronous = FULL')
      closeIdentity(this.#database)
      this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
      this.#mark.write(this.#lastCursor)
    } catch {}
  }
}

/** The events of stretches in memory; of each from the index on that `skipped` names. */
function* eventsOf(stretches: Iterable<StoredStretch>, skipped: (stretch: StoredStretch) => number): Generator<readonly StoredEvent[]> {
  for (const stretch of stretches) yield fromStretch(stretch, stretch.frames.toString(), skipped(stretch))
}
