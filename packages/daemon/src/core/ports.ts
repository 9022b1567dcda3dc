import type {
  AuthStatus,
  Capabilities,
  Confinement,
  Event,
  EventType,
  Health,
  IsolationLevel,
  IsolationMode,
  Message,
  NewEvent,
  Payload as PayloadOf,
  PermissionMode,
  Receipt,
  Remember,
  SandboxMode,
  Session,
  SessionState,
  Task,
  TaskError,
  ToolCall,
} from '@codesdkd/protocol'

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
  /** Where the namespace keeps the agent's logins. */
  readonly login: LoginPlace
  /** Base URL of the offline model, when the daemon runs with `--offline`; else null. */
  readonly offlineUrl: string | null
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

// ---------------------------------------------------------------- what stands around an agent

/** What is spoken on a route: it decides which methods and paths there are, where a credential goes and how tokens are counted. */
export type Dialect = 'messages' | 'responses' | 'chat_completions' | 'generate_content' | 'mcp'

/** One endpoint outside that an agent needs: its model, or an MCP server over HTTP that the session names. */
export interface Route {
  /** Unique in its session; `[a-z0-9_-]{1,80}`. */
  readonly name: string
  readonly dialect: Dialect
  /** Base URL as the agent itself would use it: what the agent asks for is added to its path. */
  readonly upstream: string
  /** `bearer`: an Authorization header; `key`: the header in which the dialect carries its keys. Null: nothing is added, and nothing removed. */
  readonly credential: { readonly kind: 'bearer' | 'key'; readonly secret: string } | null
  /** Further headers that are set on each request; secret as well. */
  readonly headers?: Readonly<Record<string, string>>
}

/** What the agent is given in place of an endpoint and its key. */
export interface Passage {
  /** Stands for the route's `upstream`; without a slash at its end. */
  readonly url: string
  /** Stands for the credential: the agent has to present it, in whatever header it likes; it is worth nothing elsewhere. */
  readonly placeholder: string
}

/** A program that is to be started. */
export interface Command {
  /** Absolute path. */
  readonly program: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  /** Files and directories that it has to read beside those of the session: above all its own program files. */
  readonly readable: readonly string[]
  /** Files that it has to write beside those of the session: login files that it refreshes. They exist. */
  readonly writable: readonly string[]
}

/** A program as it has to be spawned so that it runs inside. */
export interface EnclosedCommand extends Pick<Command, 'program' | 'args' | 'cwd' | 'env'> {
  /** How many processes stand between the one that is spawned and the program itself: a signal for the program has to go past them. */
  readonly depth: number
}

/** What the wall refused to a running task. */
export type ConfinementDenial = NonNullable<PayloadOf<'tool.call.completed'>['confinement_denials']>[number]

/** A file that changed during a task and that other programs obey. */
export type Planted = NonNullable<Receipt['planted_configuration']>[number]

/**
 * What stands around the processes of one session's agent, and the ways that lead through it. Made before the agent starts;
 * disposing it after the agent's end removes everything that was made for it.
 */
export interface Enclosure extends AsyncDisposable {
  /** True when an operating system's sandbox holds the whole process tree. */
  readonly walled: boolean
  /** Opens a way to an endpoint. Call it before the agent starts. */
  open(route: Route): Passage
  /** Lets the agent reach these hosts (`name` or `name:port`) by itself: those of a provider whose login it keeps in files. */
  allow(hosts: readonly string[]): void
  enclose(command: Command): EnclosedCommand
  /** The task that questions and observations of this enclosure belong to; null between tasks: then nobody is asked. */
  attend(task: AttendedTask | null): void
}

export interface AttendedTask {
  readonly host: Pick<TaskHost, 'ask' | 'observe'>
  /** Why every host that the session does not allow is denied, without anybody being asked; null where a person is asked. */
  readonly hostsDenied: string | null
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
}

export interface TaskSpec {
  readonly taskId: string
  readonly permissionMode: PermissionMode
  /** What the agent has not seen yet, oldest first; the last one is the prompt. */
  readonly messages: readonly Message[]
  readonly runtimeConfig: Readonly<Record<string, unknown>>
}

/** How a turn ended. A runtime never throws for what its agent did: it resolves to `failed`. */
export type Outcome =
  | { readonly status: 'completed'; readonly reason: string }
  | { readonly status: 'stopped'; readonly reason: string }
  | { readonly status: 'failed'; readonly reason: string; readonly error: TaskError }

/** Event types that pass through from a runtime as they are. All others are made by the daemon alone. */
export const passThrough = [
  'model.output.delta',
  'model.output.discarded',
  'model.output.completed',
  'plan.updated',
  'runtime.request.started',
  'runtime.request.completed',
  'file.changed',
  'usage.reported',
  'runtime.notice',
] as const satisfies readonly EventType[]
export type PassThroughType = (typeof passThrough)[number]

/** A native call as the mapper sees it. `id` is the agent's own id, unique within the task. */
export interface NativeCall extends ToolCall {
  readonly id: string
}

/** What the agent wants to know of the person. */
export interface Question {
  /** The question itself, in plain text. */
  readonly title: string
  /** JSON Schema that the content of an answer fits: an object whose properties are strings, numbers, booleans, or lists of choices. */
  readonly schema: Readonly<Record<string, unknown>>
}

/**
 * What a mapper makes of the agent's messages. Pure data, so that golden fixtures cover all of it.
 * - `event`: something that needs no decision. `file.changed`/deltas may carry the NATIVE tool call id in `tool_call_id`; the daemon replaces it.
 * - `call.asked`, `question.asked`: the agent waits for `reply`; the driver passes it to `TaskHost.ask` or `TaskHost.answer`.
 * - `call.unasked`: the agent runs the call by its own rules and asks nobody.
 * - `call.completed`: the result. Exactly one per call.
 */
export type Observation =
  | { readonly kind: 'event'; readonly event: Extract<NewEvent, { type: PassThroughType }> }
  | Asked
  | { readonly kind: 'call.unasked'; readonly call: NativeCall; readonly rule: string }
  | { readonly kind: 'call.started'; readonly id: string }
  | { readonly kind: 'call.output'; readonly id: string; readonly stream: 'stdout' | 'stderr' | 'output'; readonly delta: string }
  | { readonly kind: 'call.completed'; readonly id: string; readonly result: CallResult }
  | { readonly kind: 'runtime_session'; readonly id: string }
  /** The wall refused something; shown with the calls that run. Only an enclosure tells it. */
  | { readonly kind: 'refused'; readonly denial: ConfinementDenial }

/** What waits for somebody's answer. */
export type Asked =
  | { readonly kind: 'call.asked'; readonly call: NativeCall; readonly reply: string | number }
  | { readonly kind: 'question.asked'; readonly question: Question; readonly reply: string | number }

/** True for what the driver passes on by itself; it is no part of what is observed. */
export function isAsked(observation: Observation): observation is Asked {
  return observation.kind === 'call.asked' || observation.kind === 'question.asked'
}

export interface CallResult {
  /** The whole output as text; the daemon cuts the preview and stores the rest as an artifact. */
  readonly output: string
  readonly isError: boolean
  readonly exitCode?: number | null
  readonly durationMs: number | null
  readonly executionEnv: 'sandbox' | 'host' | 'unknown'
}

/** `remember`: for how long a person wants the decision about a connection to count; the task where it is not told. */
export type Decision =
  | { readonly decision: 'approved'; readonly remember?: Remember }
  | { readonly decision: 'denied'; readonly reason: string; readonly remember?: Remember }

/** `decline`: the person, or the policy in her place, does not answer; the agent hears the reason where it can. `cancel`: the task ends. */
export type Answer =
  | { readonly outcome: 'accept'; readonly content: Readonly<Record<string, unknown>> }
  | { readonly outcome: 'decline'; readonly reason: string }
  | { readonly outcome: 'cancel'; readonly reason: string }

/** Handed to a running task: the way from the agent into the session. */
export interface TaskHost {
  /** Aborted when the task is to stop; the runtime interrupts its agent and resolves. */
  readonly signal: AbortSignal
  /** Appends what was observed, in order. Await it before reading more from the agent: it resolves when there is room again, which is the back-pressure. Never rejects for bad observations. */
  observe(observations: readonly Observation[]): Promise<void>
  /** Puts one call to policy and, if need be, to a person. Resolves after the decision is on disk. Never rejects; what ends the task denies it. */
  ask(call: NativeCall): Promise<Decision>
  /** Puts a question of the agent to the person. Resolves after the answer is on disk. Never rejects; what ends the task cancels it. */
  answer(question: Question): Promise<Answer>
}

/** A live conversation with an agent. Disposing it ends the agent's whole process group and resolves when it is gone. */
export interface RuntimeSession extends AsyncDisposable {
  /** The agent's own id of the conversation; null until it is known. */
  readonly nativeId: string | null
  /** False once the agent's process is gone or cannot be used any more; then the next task opens a new one. */
  readonly alive: boolean
  /** Set when `SessionSpec.resume` was asked for: whether the agent found its conversation. */
  readonly resumed: boolean
  /** Runs one turn to its end. At most one runs at a time. Never rejects for agent failures. */
  run(task: TaskSpec, host: TaskHost): Promise<Outcome>
}

/** Drives one kind of coding agent. To add one: a file in runtimes/, a line in runtimes/index.ts, a recorded fixture. */
export interface Runtime {
  readonly name: string
  readonly capabilities: Capabilities
  /** Names of environment variables that hold this agent's credentials; those of the daemon count only in isolation level `shared`. The first is where `codesdkd keys set` puts a key. */
  readonly credentialVariables: readonly string[]
  /** Further variables that hold secrets, as this `runtimeConfig` names them (`env_key`, bearer tokens of MCP servers). */
  secretVariables(config: Readonly<Record<string, unknown>>): readonly string[]
  /** Names of environment variables that say where this agent keeps its state: those of the user are passed on in isolation level `shared`. */
  readonly homeVariables: readonly string[]
  /** Checks and normalises `runtimeConfig`. Throws `Problem('invalid_request')` that names the field. */
  parseConfig?(config: Readonly<Record<string, unknown>>): Record<string, unknown>
  /** Executable's version and presence of a login. Never starts a server, never throws, ends within 5 s. */
  health(env: RuntimeEnv, signal: AbortSignal): Promise<Omit<Health, 'checked_at'>>
  /** Presence of a login only, from files. */
  authStatus(env: RuntimeEnv): Promise<AuthStatus>
  /** Starts the agent. Rejects with `RuntimeFailure` when it does not come up. */
  open(spec: SessionSpec, env: AgentEnv, signal: AbortSignal): Promise<RuntimeSession>
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

/** Everything of a session that is fixed at its creation, secrets excepted. */
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
  /** Where a retried `POST /sessions` finds its answer: scope-wide key and hash of the body. */
  readonly idempotency: { readonly key: string; readonly bodyHash: string } | null
}

/** What is needed to go on with a session without reading its whole log: the fold as of `seq`, ended tasks left out. */
export interface SessionSnapshot {
  readonly seq: number
  readonly runtimeSessionId: string | null
  /** Canonical hashes of the transcript's messages, in order. */
  readonly transcript: readonly string[]
}

export interface TaskRecord {
  readonly task: Task
  /** Hash of the request that made it: the idempotency of `taskId`. */
  readonly bodyHash: string
}

export interface SessionFilter {
  readonly scope: 'daemon' | 'all'
  readonly runtime?: string
  readonly credentialNamespace?: string
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
  stats(): { readonly sessions: number; readonly events: number; readonly bytes: number }
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
