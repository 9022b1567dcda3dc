import type {
  AnswerRequest,
  Approval,
  Artifact,
  AuthStatus,
  CreateSession,
  CreateTask,
  ForkSession,
  HandOffSession,
  Handoff,
  Health,
  MeasuredCapabilities,
  OpenQuestion,
  Replay,
  RuntimeSummary,
  Session,
  SessionPhase,
  StepReplay,
  StopResponse,
  StopTask,
  Task,
  TaskStarted,
  UpdateReplay,
  UpdateSession,
  UploadArtifact,
  ToolOutputRequest,
  ToolResultRequest,
  Verification,
} from '@codesdkd/protocol'

/** A page of a list; `next_after` is null at the end. */
export interface Page<T> {
  readonly items: readonly T[]
  readonly next_after: string | null
}

export interface PageRequest {
  readonly after: string | null
  readonly limit: number
}

/** A page of what somebody sees; without `sees`, of everything. */
export interface WaitingQuery extends PageRequest {
  readonly sees?: (sessionId: string) => boolean
}

export interface SessionQuery extends WaitingQuery {
  readonly scope: 'daemon' | 'archived' | 'all'
  readonly runtime?: string
  readonly credentialNamespace?: string
  readonly phase?: SessionPhase
}

export interface DecisionRequest {
  readonly decision: 'approved' | 'denied'
  readonly attempt: number
  readonly input_hash: string
  readonly reason?: string
  /** Of a connection: for how long the decision counts. */
  readonly remember?: 'task' | 'session'
}

/**
 * Everything a client can do with sessions. Each method throws `Problem` for expected failures and resolves after the commit. `actor` is the
 * name of the token that a person's word came with, for the log; null for the owner.
 */
export interface SessionOperations {
  create(
    request: CreateSession,
    options: { requestId: string; idempotencyKey: string | null },
  ): Promise<{ session: Session; replayed: boolean }>
  get(sessionId: string): Session
  list(query: SessionQuery): Page<Session>
  /** Changes settings; those that stay the same make no event. */
  update(sessionId: string, request: UpdateSession, options: { requestId: string }): Promise<Session>
  /** Lets another runtime go on with the session; `replayed` where it does already, by the same request. */
  handOff(sessionId: string, request: HandOffSession, options: { requestId: string }): Promise<{ handoff: Handoff; replayed: boolean }>
  /** A new session with the log of this one up to an event. Takes time in proportion to it; rejects with `shutting_down` when the daemon ends. */
  fork(
    sessionId: string,
    request: ForkSession,
    options: { requestId: string; idempotencyKey: string | null },
  ): Promise<{ session: Session; replayed: boolean }>
  /**
   * Deletes the session and all that is kept of it; resolves when it is gone from the disk. With `stop` its open tasks are ended first,
   * else they are `session_busy`. Rejects with `storage_unavailable` where something is left: it is swept up later.
   */
  remove(sessionId: string, options: { stop: boolean }): Promise<void>
  /** Stores bytes that tasks of the session may name. */
  upload(request: UploadArtifact): Promise<Artifact>
  submit(sessionId: string, request: CreateTask, options: { requestId: string }): Promise<{ started: TaskStarted; replayed: boolean }>
  task(sessionId: string, taskId: string): Task
  tasks(sessionId: string, page: PageRequest): Page<Task>
  stop(sessionId: string, taskId: string, request: StopTask, options: { requestId: string }): Promise<StopResponse>
  decide(
    sessionId: string,
    toolCallId: string,
    request: DecisionRequest,
    options: { requestId: string; actor?: string | null },
  ): Promise<{ decision: 'approved' | 'denied' }>
  /** Checks the content against the question's schema; first writer wins. */
  answer(
    sessionId: string,
    questionId: string,
    request: AnswerRequest,
    options: { requestId: string; actor?: string | null },
  ): Promise<void>
  /** How far the replay of the session has come. Throws `replay_not_found`. */
  replay(sessionId: string): Replay
  /** Changes its pace. */
  updateReplay(sessionId: string, request: UpdateReplay): Promise<Replay>
  /** Lets the next events of a replay happen now. */
  stepReplay(sessionId: string, request: StepReplay): Promise<Replay>
  /** The host's result of a call that it runs; exactly one. */
  giveResult(sessionId: string, toolCallId: string, request: ToolResultRequest): Promise<void>
  /** What such a call writes while it runs. */
  writeOutput(sessionId: string, toolCallId: string, request: ToolOutputRequest): Promise<void>
  approvals(query: WaitingQuery): Page<Approval>
  questions(query: WaitingQuery): Page<OpenQuestion>
  /** True when no task of the session is open (all sessions without an id). */
  idle(sessionId?: string): boolean
  counts(): SessionCounts
}

export interface SessionCounts {
  readonly sessions_loaded: number
  readonly tasks_running: number
  readonly tasks_queued: number
  readonly approvals_pending: number
  readonly agents_live: number
}

/** What can be asked of the runtimes without a session. `name` null = the default runtime; unknown -> Problem('unknown_runtime'). */
export interface RuntimeOperations {
  readonly names: readonly string[]
  readonly defaultName: string
  /** Never rejects but for an unknown name; at most 5 s, one probe per runtime at a time, cached 10 s. */
  health(name: string | null): Promise<Health>
  /** All of them, the default one first; as quick as their health, and as recent. */
  list(): Promise<readonly RuntimeSummary[]>
  /** What is declared, and where a measurement differs. */
  capabilities(name: string | null): Promise<MeasuredCapabilities>
  authStatus(name: string | null, credentialNamespace: string | null): Promise<AuthStatus>
  /**
   * Measures the installed agent; at most 120 s, one at a time for each runtime. Throws `Problem`: agent_not_installed, rate_limited,
   * shutting_down when the signal ended it.
   */
  verify(name: string, signal: AbortSignal): Promise<Verification>
}

/** A finished support bundle, spooled inside the data directory. Disposing removes the file. */
export interface SupportBundle extends AsyncDisposable {
  readonly path: string
  readonly size: number
  readonly fileName: string
}

export interface BundleOperations {
  /** At most two are built at a time; more -> Problem('rate_limited'). Unknown session -> Problem('session_not_found'). */
  build(sessionId: string, options: { taskId: string | null; signal: AbortSignal }): Promise<SupportBundle>
}
