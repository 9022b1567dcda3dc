import type { Confinement, IsolationLevel, IsolationMode, PermissionMode, SandboxMode, Task } from '@codesdkd/protocol'

/** One event as it is stored: its bytes are the row, the poll answer and the SSE frame. */
export interface StoredEvent {
  /** Place in the daemon-wide order; grows with every commit. */
  readonly cursor: number
  readonly sessionId: string
  readonly seq: number
  readonly type: string
  /** The event's JSON, one line, no newline. */
  readonly json: string
}

/** Events of a session as whoever follows it is sent them. */
export interface Frames {
  readonly bytes: Buffer
  /** seq of the last event in them. */
  readonly position: number
}

/** What `append` is given: numbered by the session, not yet committed. */
export type PendingEvent = Omit<StoredEvent, 'cursor'>

/**
 * `lazy`: committed before it is shown, synced to the disk within a second.
 * `synced`: synced to the disk before it is shown (decisions, terminal events, acknowledged requests).
 */
export type Durability = 'lazy' | 'synced'

/** One atomic change: events and the rows that are folded from them. */
export interface Append {
  readonly sessionId: string
  readonly events: readonly PendingEvent[]
  readonly durability: Durability
  /** Row of a new session; exactly in its first append. */
  readonly session?: SessionRecord
  /** Row of a session that is there already; replaces the older one. */
  readonly update?: SessionRecord
  /** New fold snapshot; replaces the older one. */
  readonly snapshot?: SessionSnapshot
  readonly tasks?: readonly TaskRecord[]
}

/** What the session's wall lets through, as it was asked for when the session was opened. */
export interface SandboxSettings {
  readonly mode: SandboxMode
  /** Whether the session's agent runs behind the wall: promised when the session was opened, and kept for as long as it lives. */
  readonly walled: boolean
  /** Real paths. */
  readonly writableRoots: readonly string[]
  readonly readableRoots: readonly string[]
  /** Hosts: `name`, `*.name`, `name:port` or `*`. */
  readonly networkAllow: readonly string[]
}

/** The settings of a session, secrets excepted. What `SessionChanges` names can change, a handoff changes more, all else is fixed at its creation. */
export interface SessionRecord {
  readonly sessionId: string
  readonly runtime: string
  readonly createdAt: string
  readonly model: string | null
  readonly permissionMode: PermissionMode
  readonly escalation: 'deny' | 'ask'
  readonly cwd: string
  readonly credentialNamespace: string
  readonly isolationLevel: IsolationLevel
  readonly isolationMode: IsolationMode
  readonly confinement: Confinement
  readonly sandbox: SandboxSettings
  readonly trustWorkspace: boolean
  readonly runtimeConfig: Readonly<Record<string, unknown>>
  readonly approvalTimeoutMs: number | null
  readonly title: string | null
  readonly metadata: Readonly<Record<string, string>>
  /** Takes no tasks until it is brought back. */
  readonly archived: boolean
  /** How often another runtime took the session over: each keeps its own home and secrets. */
  readonly generation: number
  /** Variables of the session that its agent does not get, because they are credentials of agents before it. */
  readonly withheld: readonly string[]
  /** The session that its log is a copy of up to that event, itself included. */
  readonly forkedFrom: { readonly sessionId: string; readonly afterSeq: number } | null
  /** Where a retried `POST /sessions` finds its answer: scope-wide key and hash of the body. */
  readonly idempotency: { readonly key: string; readonly bodyHash: string } | null
}

/** Whose variables and secret settings. */
export type SecretsOwner = Pick<SessionRecord, 'sessionId' | 'generation'>

/** The sessions' own variables and what is secret in their settings: kept apart from the log. */
export interface SecretStore {
  save(owner: SecretsOwner, env: Readonly<Record<string, string>>): void
  load(owner: SecretsOwner): Readonly<Record<string, string>>
  /** The record as it may stand in the log: what is secret in its settings is kept with the variables. */
  hide(record: SessionRecord): SessionRecord
  reveal(record: SessionRecord): SessionRecord
}

/** New values of the settings that can change. */
export type SessionChanges = Partial<Pick<SessionRecord, 'title' | 'metadata' | 'permissionMode' | 'model' | 'archived'>>

/** What is needed to go on with a session without reading its whole log: the fold as of `seq`, ended tasks left out. */
export interface SessionSnapshot {
  readonly seq: number
  readonly runtimeSessionId: string | null
  /** What is remembered of the transcript's messages, in order (`HeldMessage`); canonical hashes of whole messages where an earlier version ended them. */
  readonly transcript: readonly string[]
}

export interface TaskRecord {
  readonly task: Task
  /** Hash of the request that made it: the idempotency of `taskId`. */
  readonly bodyHash: string
}

export interface SessionFilter {
  /** Since the start of the daemon without those archived, the archived ones of the data directory, or all of it. */
  readonly scope: 'daemon' | 'archived' | 'all'
  readonly runtime?: string
  readonly credentialNamespace?: string
}

export interface SessionAge {
  /** Never given to another session. */
  readonly position: number
  readonly sessionId: string
  /** RFC 3339 UTC. */
  readonly lastTime: string | null
}

/** The durable log and the rows folded from it. Throws `Problem('storage_unavailable')` for reads that fail. */
export interface EventLog extends Disposable {
  /** Names this log; changes when the machine went down uncleanly. */
  readonly logId: string
  /** True while writes succeed. */
  readonly writable: boolean
  /**
   * Queues one atomic change; changes of one event-loop turn share a transaction. Resolves after the commit (and sync). Lazy events that follow
   * on others of their session which still wait may join those, and are then given the same promise.
   * While the disk refuses writes the change stays queued and is tried again; it is never dropped. Rejects only when the log is closed.
   */
  append(change: Append): Promise<void>
  /** Committed events of a session with seq > after, oldest first; at most `limit` events and about `weight` bytes (1 MB), but at least one. */
  read(sessionId: string, after: number, limit: number, weight?: number): readonly StoredEvent[]
  /** The same as they are sent, or null where there is none: about `weight` bytes, but at least one event. */
  frames(sessionId: string, after: number, weight: number): Frames | null
  /** Committed events of all sessions with cursor > after. */
  readAll(after: number, limit: number, weight?: number): readonly StoredEvent[]
  /** seq of the last committed event; 0 for an unknown session. */
  lastSeq(sessionId: string): number
  lastCursor(): number
  /** Tells after each commit of the session that there is more to read, when it is deleted, and when the log closes. A listener must not throw. */
  watch(sessionId: string, listener: () => void): Disposable
  watchAll(listener: () => void): Disposable
  session(sessionId: string): { readonly record: SessionRecord; readonly snapshot: SessionSnapshot } | null
  /** Sessions in order of creation after the given id. `null` when the cursor is not known. */
  sessions(filter: SessionFilter, after: string | null, limit: number): readonly SessionRecord[] | null
  sessionByIdempotencyKey(key: string): SessionRecord | null
  task(sessionId: string, taskId: string): TaskRecord | null
  tasks(sessionId: string, after: string | null, limit: number): readonly TaskRecord[] | null
  /** Sessions that have a task without a terminal event: what a restart must close. */
  sessionsWithOpenTasks(): readonly string[]
  /**
   * Takes a session out of the log, durably: from here on it is unknown, and whoever waits for its events is woken. What is stored of it
   * is erased afterwards. Nothing of it may wait for its commit. Throws `Problem('storage_unavailable')`, and then it is still there.
   */
  discard(sessionId: string): void
  /** Sessions that were discarded and not erased yet. */
  discarded(): readonly SessionRecord[]
  /** Sessions in order of creation after a position (0: from the first), with the time of their last event. */
  ages(after: number, limit: number): readonly SessionAge[]
  /** Time of the last committed event; null for an unknown session. */
  lastTime(sessionId: string): string | null
  /** seq of the last event that ended a task; 0 where none did. */
  lastEnd(sessionId: string): number
  /** Begins a session that nobody finds before it is published; see there. Throws `Problem('storage_unavailable')`. */
  copy(record: SessionRecord): SessionCopy
  stats(): { readonly sessions: number; readonly events: number; readonly bytes: number }
}

/**
 * A session whose log begins as a copy of another's. What was not published when it is disposed, or when the daemon ends, counts among those
 * that were discarded. Each method throws `Problem('storage_unavailable')`, and then has done nothing.
 */
export interface SessionCopy extends Disposable {
  /** Adds events; their place in the daemon-wide order is before its beginning, so that nobody is told them as news. */
  add(events: readonly PendingEvent[]): void
  addTasks(tasks: readonly TaskRecord[]): void
  /** Adds these, which are news to everybody, and from here on the session is there, durably. */
  publish(events: readonly PendingEvent[], snapshot: SessionSnapshot): void
}

export interface ArtifactMeta {
  readonly artifactId: string
  readonly sessionId: string
  readonly contentType: string
  readonly name: string | null
  readonly size: number
  readonly sha256: string
  readonly createdAt: string
}

/** Content-addressed files beside the log. Synchronous writes: an artifact is on disk before an event names it. */
export interface ArtifactStore {
  /** Stores bytes and returns the new artifact, under a new id where none is given. Throws `Problem('payload_too_large')` above the limit. */
  put(sessionId: string, content: Uint8Array | string, about: { contentType: string; name?: string; artifactId?: string }): ArtifactMeta
  meta(artifactId: string): ArtifactMeta | null
  list(sessionId: string): readonly ArtifactMeta[]
  /** Gives another session artifacts of this one, under the ids that `toId` makes; both keep them until each is deleted. Returns those it has, by their ids here. May be done twice. */
  share(
    ids: readonly string[],
    sessions: { readonly from: string; readonly to: string },
    toId: (id: string) => string,
  ): ReadonlyMap<string, string>
  /** The whole content, verified against its hash. Throws `Problem('artifact_corrupt')`. */
  content(artifactId: string): Promise<Uint8Array>
}
