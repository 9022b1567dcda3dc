import type {
  AuthStatus,
  Capabilities,
  Confinement,
  Event,
  Health,
  IsolationLevel,
  IsolationMode,
  JsonSchema,
  Message,
  PermissionMode,
  SandboxMode,
  Session,
  SessionState,
  Task,
  TaskError,
  TaskOutput,
  ToolDefinition,
} from '@codesdkd/protocol'
import type { Enclosure } from './enclosure.ts'
import type { ProcessTree } from './process-tree.ts'
import type { TaskHost } from './task-host.ts'

// ---------------------------------------------------------------- time and ids

/** Sources of what is not deterministic; parameters of the composition root. */
export interface Clock {
  /** Wall time as RFC 3339 UTC with milliseconds. */
  now(): string
  /** Monotonic milliseconds. */
  monotonic(): number
}

export type NewId = () => string

// ---------------------------------------------------------------- runtimes

/** Where one runtime finds its executable and which directories and variables its processes get. */
export interface RuntimeEnv {
  /** Absolute path of the executable, or null when none was found. */
  readonly executable: string | null
  /** The directory with the agent's own state (0700): of one session, which alone writes it; asked without a session, `login.home`. */
  readonly home: string
  /** True in isolation level `shared`: the user's own login is used, never the user's rules. */
  readonly shared: boolean
  /** The credential namespace, for what people are told to do. */
  readonly credentialNamespace?: string
  /** The complete environment for the agent's process, already filtered by the allow list. No credential of a provider is in it. */
  readonly variables: Readonly<Record<string, string>>
  /** Keys and tokens by the names of their variables. They are for the gateway alone: no process of the agent ever gets one. */
  readonly credentials: Readonly<Record<string, string>>
  /** Those of the credentials that no client of the session has given: none of them goes anywhere but to its own endpoints. */
  readonly boundKeys: readonly BoundKey[]
  /** Where the namespace keeps the agent's logins. */
  readonly login: LoginPlace
  /** Base URL of the offline model, when the daemon runs with `--offline`; else null. */
  readonly offlineUrl: string | null
}

/** A key that was stored, or that the daemon was given, and the base URLs below which it may be sent. */
export interface BoundKey {
  readonly variable: string
  readonly secret: string
  readonly endpoints: readonly string[]
}

/** Where an agent's own login command has put its files: no session writes there but into a login file itself. */
export interface LoginPlace {
  /** The agent's directory of the namespace. */
  readonly home: string
  /** HOME, XDG directories and the agent's `homeVariables`: the user's own in isolation level `shared`, else those of the namespace. */
  readonly variables: Readonly<Record<string, string>>
}

/** What a session's agent gets. */
export interface AgentEnv extends RuntimeEnv {
  /** What stands around its processes. Whoever made the environment ends it, after the agent. */
  readonly enclosure: Enclosure
}

export interface SessionSpec {
  readonly sessionId: string
  readonly cwd: string
  readonly model: string | null
  readonly permissionMode: PermissionMode
  readonly runtimeConfig: Readonly<Record<string, unknown>>
  /** The agent's own id of the conversation to go on with, or null for a new one. */
  readonly resume: string | null
  readonly isolationLevel: IsolationLevel
  /** Whether the agent may obey what the workspace carries for it: hooks, MCP servers, permission files, plugins. */
  readonly trustWorkspace: boolean
  /** What the agent is offered by `Enclosure.tools`; fixed for as long as it lives. */
  readonly tools: readonly ToolDefinition[]
}

export interface TaskSpec {
  readonly taskId: string
  readonly permissionMode: PermissionMode
  /** What the agent has not seen yet, oldest first; the last one is the prompt. */
  readonly messages: readonly Message[]
  readonly runtimeConfig: Readonly<Record<string, unknown>>
  /** What the agent holds its model's answer to: only where `Runtime.holdsToSchema` says that it can. */
  readonly outputSchema?: JsonSchema
}

/** How a turn ended. A runtime never throws for what its agent did: it resolves to `failed`. */
export type Outcome =
  | {
      readonly status: 'completed'
      readonly reason: string
      /** What an output schema asked for, as the daemon read it from the answer: no runtime sets it. */
      readonly result?: TaskOutput
      /** The task that its messages have joined: no runtime sets it. */
      readonly steeredInto?: string
    }
  | { readonly status: 'stopped'; readonly reason: string }
  | { readonly status: 'failed'; readonly reason: string; readonly error: TaskError }

/** A live conversation with an agent. Disposing it ends the agent's whole process group and resolves when it is gone. */
export interface RuntimeSession extends AsyncDisposable {
  /** The agent's own id of the conversation; null until it is known. */
  readonly nativeId: string | null
  /** False once the agent's process is gone or cannot be used any more; then the next task opens a new one. */
  readonly alive: boolean
  /** Set when `SessionSpec.resume` was asked for: whether the agent found its conversation. */
  readonly resumed: boolean
  /** Runs one turn to its end. At most one runs at a time; turns with the same `taskId` are one task. Never rejects for agent failures. */
  run(task: TaskSpec, host: TaskHost): Promise<Outcome>
  /**
   * Gives further messages to the turn that runs. True: they belong to it, and its end comes after what the agent makes of them. False:
   * the agent has not seen them, and will not. Never rejects; settles at the latest soon after the turn has ended. Missing where the
   * agent takes nothing while it works.
   */
  steer?(messages: readonly Message[]): Promise<boolean>
  /** Its processes at this moment; null where the machine does not tell. Never rejects. */
  processes?(): Promise<ProcessTree | null>
}

/** Drives one kind of coding agent. To add one: a file in runtimes/, a line in runtimes/index.ts, a recorded fixture. */
export interface Runtime {
  readonly name: string
  readonly capabilities: Capabilities
  /** Files of the workspace that this agent reads by itself. Left out where nobody knows. */
  readonly implicitSources?: readonly ImplicitSource[]
  /** Names of environment variables that hold this agent's credentials; those of the daemon count only in isolation level `shared`. The first is where `codesdkd keys set` puts a key. */
  readonly credentialVariables: readonly string[]
  /** Base URLs of the provider that a key in this variable is for; none where nobody knows. */
  toKeyEndpoints(variable: string): readonly string[]
  /** Further variables that hold secrets, as this `runtimeConfig` names them (`env_key`, bearer tokens of MCP servers). */
  secretVariables(config: Readonly<Record<string, unknown>>): readonly string[]
  /** Names of environment variables that say where this agent keeps its state: those of the user are passed on in isolation level `shared`. */
  readonly homeVariables: readonly string[]
  /** Checks and normalises `runtimeConfig`. Throws `Problem('invalid_request')` that names the field. */
  parseConfig?(config: Readonly<Record<string, unknown>>): Record<string, unknown>
  /** Whether its agent can hold its model to this schema of an answer. Left out: it can to none. */
  holdsToSchema?(schema: JsonSchema): boolean
  /** Executable's version and presence of a login. Never starts a server, never throws, ends within 5 s. */
  health(env: RuntimeEnv, signal: AbortSignal): Promise<Omit<Health, 'checked_at'>>
  /** Presence of a login only, from files. */
  authStatus(env: RuntimeEnv): Promise<AuthStatus>
  /** Starts the agent. Rejects with `RuntimeFailure` when it does not come up. */
  open(spec: SessionSpec, env: AgentEnv, signal: AbortSignal): Promise<RuntimeSession>
}

/** A file with instructions or configuration that an agent reads by itself. */
export interface ImplicitSource {
  /** Relative to a directory; of those that are there only the first counts. */
  readonly names: readonly string[]
  /** Whether it is read also in the directories above the working directory, up to that of the repository. */
  readonly parents: boolean
  /** Whether it counts only in a session that trusts its workspace. */
  readonly needsTrust: boolean
}

/** Such a file, as it was when a task began. */
export interface FoundSource {
  /** Relative to the working directory, with `/`. */
  readonly name: string
  /** Whether the agent may obey it: the session trusts the workspace as far as is needed, and no other file takes its place. */
  readonly obeyed: boolean
  /** Bytes; null with `sha256` where it is no file, cannot be read or lies outside of the repository. */
  readonly size: number | null
  /** Hexadecimal; null also where the file is too large. */
  readonly sha256: string | null
}

/** Why an agent could not be opened, as the task will report it. */
export class RuntimeFailure extends Error {
  override readonly name = 'RuntimeFailure'
  readonly failure: TaskError

  constructor(failure: TaskError, options?: ErrorOptions) {
    super(failure.message, options)
    this.failure = failure
  }
}

/** Told of every process group that a runtime starts and ends, so that leftovers can be found after a crash. */
export interface ProcessLedger {
  started(process: { readonly pid: number; readonly mark: string }): void
  ended(pid: number): void
}

// ---------------------------------------------------------------- storage

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
   * Queues one atomic change; changes of one event-loop turn share a transaction. Resolves after the commit (and sync).
   * While the disk refuses writes the change stays queued and is tried again; it is never dropped. Rejects only when the log is closed.
   */
  append(change: Append): Promise<void>
  /** Committed events of a session with seq > after, oldest first; at most `limit` events and about 1 MB (but at least one). */
  read(sessionId: string, after: number, limit: number): readonly StoredEvent[]
  /** Committed events of all sessions with cursor > after. */
  readAll(after: number, limit: number): readonly StoredEvent[]
  /** seq of the last committed event; 0 for an unknown session. */
  lastSeq(sessionId: string): number
  lastCursor(): number
  /** Resolves when a later event than `after` is committed (at once if there is one); rejects with the signal's reason. */
  changed(sessionId: string, after: number, signal: AbortSignal): Promise<void>
  changedAll(after: number, signal: AbortSignal): Promise<void>
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
  /** Stores bytes and returns the new artifact. Throws `Problem('payload_too_large')` above the limit. */
  put(sessionId: string, content: Uint8Array | string, about: { contentType: string; name?: string }): ArtifactMeta
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

// ---------------------------------------------------------------- the world around a call

/** Facts about the file system that policy needs. */
export interface Workspace {
  /** Real path of an existing path, or of its nearest existing parent joined with the rest; null when it cannot be told. */
  realPath(path: string): Promise<string | null>
  /** True unless it is certain that `git status|diff|log|show` in this directory runs no program through configuration. */
  gitRunsPrograms(directory: string): Promise<boolean>
  /** Real paths of the work tree and the stores that git reads in this directory; null when there is no repository or it cannot be told. */
  gitDirectories(directory: string): Promise<readonly string[] | null>
}

/** Replaces known secrets before anything is stored. */
export interface Masker {
  /** Adds exact values that must never be stored; values under 8 characters are ignored. */
  add(values: Iterable<string>): void
  /** An event's JSON with every known value in its payload masked; returns the same string when none occurs. */
  mask(json: string): string
  /** Any other text with every known value masked. */
  maskText(text: string): string
  /** How many characters at the end of a text may begin a known value that goes on in the next piece of its stream. */
  heldBack(text: string): number
}

export type { Event, Session, SessionState, Task }
