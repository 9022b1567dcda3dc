import {
  Problem,
  type AnswerRequest,
  type Approval,
  type Artifact,
  type CreateSession,
  type CreateTask,
  type ForkSession,
  type HandOffSession,
  type Handoff,
  type OpenQuestion,
  type Replay,
  type Session as SessionResource,
  type StopResponse,
  type StopTask,
  type Task,
  type TaskStarted,
  type UpdateSession,
  type UploadArtifact,
  type ToolOutputRequest,
  type ToolResultRequest,
} from '@codesdkd/protocol'
import { acknowledge } from './acknowledge.ts'
import { checkDecision } from './decision.ts'
import type { DecisionRequest, Page, PageRequest, SessionCounts, SessionOperations, SessionQuery, WaitingQuery } from './operations.ts'
import { toPage, toWaitingPage } from './page.ts'
import { findPastAnswer } from './past-answer.ts'
import { findPastDecision } from './past-decision.ts'
import { Forks } from './forks.ts'
import { createHandoffs, type HandOff, type HandoffsOptions } from './handoffs.ts'
import { createOneByOne } from './one-by-one.ts'
import type { RecordedEvent } from './recording.ts'
import type { AgentEnv, Masker, Runtime, SecretStore, SessionRecord, SessionSnapshot } from './ports.ts'
import { checkRepeated } from './question.ts'
import { Removals, type RemovalsOptions } from './removals.ts'
import { toChanges } from './session-changes.ts'
import { checkPermissionMode, toCreated, toRecord, type SessionRules } from './session-record.ts'
import type { CheckRoot } from './session-sandbox.ts'
import { toSecrets } from './redaction/secret-settings.ts'
import { Session, type LoadedSessionWorld } from './session.ts'
import type { SessionWorld } from './session-world.ts'
import { toSession } from './session-resource.ts'
import { sessionNotFound, unknownCursor } from './unknown.ts'

/** What the registry of sessions needs beside what each session needs. */
export interface SessionsOptions extends SessionWorld {
  readonly rules: SessionRules
  readonly runtimes: ReadonlyMap<string, Runtime>
  readonly aliases: ReadonlyMap<string, string>
  /** The agent's environment for a session; made at each start of its agent. */
  readonly environment: (record: SessionRecord, runtime: Runtime) => Promise<AgentEnv>
  readonly secrets: SecretStore
  readonly createMasker: (values: Iterable<string>) => Masker
  readonly checkRoot: CheckRoot
  readonly installed: HandoffsOptions['installed']
  readonly forget: HandoffsOptions['forget']
  readonly erase: RemovalsOptions['erase']
  readonly removed: RemovalsOptions['removed']
  readonly notRemoved: RemovalsOptions['notRemoved']
}

/** The way of recorded events into a session. */
export interface Feed extends Disposable {
  /** Resolves after the commit. */
  append(events: readonly RecordedEvent[]): Promise<void>
}

/** All sessions of the data directory. Those with something open, or with a live agent, are in memory; the others are rows. */
export class Sessions implements SessionOperations, AsyncDisposable {
  readonly #options: SessionsOptions
  readonly #world: LoadedSessionWorld
  readonly #loaded = new Map<string, Session>()
  /** Those whose events come from elsewhere: they stay in memory. */
  readonly #fed = new Set<Session>()
  /** Creations under way, by idempotency key: a second one waits for the first. */
  readonly #creating = createOneByOne()
  readonly #handoffs: HandOff
  readonly #forks: Forks
  readonly #removals: Removals
  #closing = false

  constructor(options: SessionsOptions) {
    this.#options = options
    this.#forks = new Forks(options)
    this.#handoffs = createHandoffs({
      ...options,
      runtime: (name) => this.#runtime(name),
      resource: (id) => this.get(id),
      load: (id) => {
        this.#refuseWork()
        return this.#load(id)
      },
      release: (session) => this.#unload(session),
      drop: (session) => void this.#loaded.delete(session.record.sessionId),
    })
    this.#removals = new Removals({ ...options, loaded: this.#loaded })
    this.#world = { ...options, checkCwd: (cwd) => this.#checkAgain(cwd), onChange: (session) => this.#unload(session) }
  }

  /** Ends what a killed daemon left open. Before the daemon is ready. */
  async recover(): Promise<number> {
    const ids = this.#options.log.sessionsWithOpenTasks()
    for (const id of ids) {
      const session = this.#load(id)
      await session.recover()
      this.#unload(session)
    }
    return ids.length
  }

  create(
    request: CreateSession,
    options: { requestId: string; idempotencyKey: string | null },
  ): Promise<{ session: SessionResource; replayed: boolean }> {
    return acknowledge(this.#once(request, options, (idempotency) => this.#create(request, options.requestId, idempotency)))
  }

  get(sessionId: string): SessionResource {
    const live = this.#loaded.get(sessionId)
    if (live !== undefined) return live.resource
    const stored = this.#options.log.session(sessionId)
    if (stored === null) throw sessionNotFound(sessionId)
    const lastSeq = this.#options.log.lastSeq(sessionId)
    return toSession(stored.record, { runtimeSessionId: stored.snapshot.runtimeSessionId, phase: 'idle', lastSeq })
  }

  list({ scope, runtime, credentialNamespace, phase, sees, after, limit }: SessionQuery): Page<SessionResource> {
    const filter = {
      scope,
      ...(runtime === undefined ? {} : { runtime: this.#options.aliases.get(runtime) ?? runtime }),
      ...(credentialNamespace === undefined ? {} : { credentialNamespace }),
    }
    return toPage({
      limit,
      after,
      idOf: (session) => session.session_id,
      read: (cursor, count) => {
        const records = this.#options.log.sessions(filter, cursor, count)
        if (records === null) throw unknownCursor('session', cursor)
        return records.map((record) => this.get(record.sessionId))
      },
      keep: (session) => (phase === undefined || session.phase === phase) && sees?.(session.session_id) !== false,
    })
  }

  async update(sessionId: string, request: UpdateSession, { requestId }: { requestId: string }): Promise<SessionResource> {
    this.#refuseWork()
    const session = this.#load(sessionId)
    try {
      const changes = toChanges(session.record, request, this.#options.rules)
      await acknowledge(session.update(changes, (record) => this.#options.secrets.hide(record), requestId))
      return session.resource
    } finally {
      this.#unload(session)
    }
  }

  /** The same again, before anything else has happened in the session, gets the same answer. */
  handOff(
    sessionId: string,
    request: HandOffSession,
    { requestId }: { requestId: string },
  ): Promise<{ handoff: Handoff; replayed: boolean }> {
    return acknowledge(this.#handoffs(sessionId, request, requestId))
  }

  fork(
    sessionId: string,
    request: ForkSession,
    options: { requestId: string; idempotencyKey: string | null },
  ): Promise<{ session: SessionResource; replayed: boolean }> {
    return this.#once({ fork: sessionId, ...request }, options, async (idempotency) => {
      this.#refuseWork()
      const { requestId } = options
      const id = await this.#forks.fork({ sessionId, request, requestId, idempotency }).catch((error: unknown) => {
        void this.sweep()
        throw error
      })
      const session = this.#load(id)
      await acknowledge(session.recover())
      this.#unload(session)
      return this.get(id)
    })
  }

  remove(sessionId: string, { stop }: { stop: boolean }): Promise<void> {
    return this.#removals.remove(sessionId, { stop, reason: 'request' })
  }

  /** Erases what removals have left that failed, or that the end of a daemon cut short. */
  sweep(): Promise<void> {
    return this.#removals.sweep()
  }

  /** Deletes the sessions that rest and whose last event is older than `before` (RFC 3339 UTC). Resolves to their number. */
  expire(before: string): Promise<number> {
    return this.#removals.expire(before)
  }

  async upload(request: UploadArtifact): Promise<Artifact> {
    this.#refuseWork()
    const session = this.#load(request.session_id)
    try {
      return session.upload(request)
    } finally {
      this.#unload(session)
    }
  }

  async submit(
    sessionId: string,
    request: CreateTask,
    { requestId }: { requestId: string },
  ): Promise<{ started: TaskStarted; replayed: boolean }> {
    this.#refuseWork()
    const session = this.#load(sessionId)
    const { task_id = `task_${this.#options.newId()}`, ...body } = request
    try {
      // A session may be older than the maximum.
      checkPermissionMode(request.permission_mode ?? session.record.permissionMode, this.#options.rules)
      this.#runtime(session.record.runtime).parseConfig?.({ ...session.record.runtimeConfig, ...body.runtime_config })
      return await acknowledge(session.submit(request, task_id, this.#options.hash.contentHash(body), requestId))
    } finally {
      this.#unload(session)
    }
  }

  task(sessionId: string, taskId: string): Task {
    const task = this.#loaded.get(sessionId)?.task(taskId) ?? this.#options.log.task(sessionId, taskId)?.task
    if (task !== undefined) return task
    this.get(sessionId)
    throw new Problem('task_not_found', 'The session has no task with this id.', {
      members: { session_id: sessionId, task_id: taskId.slice(0, 200) },
    })
  }

  tasks(sessionId: string, { after, limit }: PageRequest): Page<Task> {
    this.get(sessionId)
    return toPage({
      limit,
      after,
      idOf: (task) => task.task_id,
      read: (cursor, count) => {
        const rows = this.#options.log.tasks(sessionId, cursor, count)
        if (rows === null) throw unknownCursor('task', cursor)
        return rows.map((row) => this.task(sessionId, row.task.task_id))
      },
    })
  }

  async stop(sessionId: string, taskId: string, request: StopTask, { requestId }: { requestId: string }): Promise<StopResponse> {
    const session = this.#load(sessionId)
    try {
      return await acknowledge(session.stop(taskId, requestId, request.scope))
    } finally {
      this.#unload(session)
    }
  }

  async decide(
    sessionId: string,
    toolCallId: string,
    request: DecisionRequest,
    { requestId, actor }: { requestId: string; actor?: string | null },
  ): Promise<{ decision: 'approved' | 'denied' }> {
    const session = this.#loaded.get(sessionId)
    if (session?.inbox.hasCall(toolCallId) === true) return acknowledge(session.inbox.decide(toolCallId, request, requestId, actor))
    this.get(sessionId)
    checkDecision(findPastDecision(this.#options.log, sessionId, toolCallId), request)
    return { decision: request.decision }
  }

  async answer(
    sessionId: string,
    questionId: string,
    request: AnswerRequest,
    { requestId, actor }: { requestId: string; actor?: string | null },
  ): Promise<void> {
    const session = this.#loaded.get(sessionId)
    if (session?.inbox.hasQuestion(questionId) === true) return acknowledge(session.inbox.answer(questionId, request, requestId, actor))
    this.get(sessionId)
    checkRepeated(findPastAnswer(this.#options.log, sessionId, questionId), request, this.#options.hash.contentHash)
  }

  replay(sessionId: string): Replay {
    this.get(sessionId)
    throw new Problem('replay_not_found', 'The session is none that is replayed.')
  }

  async updateReplay(sessionId: string): Promise<Replay> {
    return this.replay(sessionId)
  }

  async stepReplay(sessionId: string): Promise<Replay> {
    return this.replay(sessionId)
  }

  /** Lets a session take over events of a recording, after its own, until this is disposed. Nothing else may write in it. */
  feed(sessionId: string): Feed {
    const session = this.#load(sessionId)
    this.#fed.add(session)
    return {
      append: (events) => session.journal.adopt(events),
      [Symbol.dispose]: () => {
        this.#fed.delete(session)
        this.#unload(session)
      },
    }
  }

  async giveResult(sessionId: string, toolCallId: string, request: ToolResultRequest): Promise<void> {
    await acknowledge(this.#hosted(sessionId).give(toolCallId, request))
  }

  async writeOutput(sessionId: string, toolCallId: string, request: ToolOutputRequest): Promise<void> {
    await acknowledge(this.#hosted(sessionId).write(toolCallId, request))
  }

  questions(page: WaitingQuery): Page<OpenQuestion> {
    const all = this.#seen(page).flatMap((session) => session.inbox.questions)
    return toWaitingPage(all, page, 'open question', ({ question_id }) => question_id)
  }

  approvals(page: WaitingQuery): Page<Approval> {
    const all = this.#seen(page).flatMap((session) => session.inbox.approvals)
    return toWaitingPage(all, page, 'pending approval', ({ tool_call_id }) => tool_call_id)
  }

  #seen({ sees = () => true }: WaitingQuery): readonly Session[] {
    return [...this.#loaded.values()].filter(({ record }) => sees(record.sessionId))
  }

  #hosted(sessionId: string): Session['hosted'] {
    const session = this.#loaded.get(sessionId)
    if (session !== undefined) return session.hosted
    this.get(sessionId)
    throw new Problem('tool_call_not_running', 'No call with this id waits for a result of the host.')
  }

  idle(sessionId?: string): boolean {
    const sessions = sessionId === undefined ? [...this.#loaded.values()] : [this.#loaded.get(sessionId)]
    return sessions.every((session) => session === undefined || session.journal.state.tasks.size === 0)
  }

  counts(): SessionCounts {
    const sessions = [...this.#loaded.values()]
    const sum = (of: (session: Session) => number) => sessions.reduce((total, session) => total + of(session), 0)
    return {
      sessions_loaded: sessions.length,
      tasks_running: sum((session) => session.openTasks.running),
      tasks_queued: sum((session) => session.openTasks.queued),
      approvals_pending: sum((session) => session.inbox.approvals.length),
      agents_live: sum((session) => (session.agentLive ? 1 : 0)),
    }
  }

  /** Refuses new work, ends every task with its terminal event and every agent. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing = true
    await Promise.all([
      this.#removals[Symbol.asyncDispose](),
      this.#forks[Symbol.asyncDispose](),
      ...[...this.#loaded.values()].map((session) => session.close()),
    ])
  }

  /** A key is taken from its first request to the commit, also when nobody waits for that any more. */
  #once(
    body: object,
    { idempotencyKey: key }: { idempotencyKey: string | null },
    make: (idempotency: SessionRecord['idempotency']) => Promise<SessionResource>,
  ): Promise<{ session: SessionResource; replayed: boolean }> {
    if (key === null) return make(null).then((session) => ({ session, replayed: false }))
    return this.#creating(key, async () => {
      const bodyHash = this.#options.hash.contentHash(body)
      const earlier = this.#options.log.sessionByIdempotencyKey(key)
      if (earlier === null) return { session: await make({ key, bodyHash }), replayed: false }
      if (earlier.idempotency?.bodyHash === bodyHash) return { session: this.get(earlier.sessionId), replayed: true }
      throw new Problem('idempotency_key_reused', 'This Idempotency-Key was used with another body.')
    })
  }

  async #create(request: CreateSession, requestId: string, idempotency: SessionRecord['idempotency']): Promise<SessionResource> {
    this.#refuseWork()
    const { rules } = this.#options
    const record = await toRecord(request, {
      ...this.#options,
      runtime: this.#runtime(request.runtime ?? rules.defaultRuntime),
      idempotency,
    })
    const env = request.env ?? {}
    this.#options.secrets.save(record, env)
    const session = this.#open(record)
    await session.journal.commit([{ type: 'session.created', payload: toCreated(record, Object.keys(env)) }], {
      durability: 'synced',
      requestId,
      session: this.#options.secrets.hide(record),
    })
    const { resource } = session
    this.#unload(session)
    return resource
  }

  #runtime(name: string): Runtime {
    const runtime = this.#options.runtimes.get(this.#options.aliases.get(name) ?? name)
    if (runtime !== undefined) return runtime
    throw new Problem('unknown_runtime', 'The daemon has no runtime of this name.', {
      members: { runtime: name.slice(0, 64), allowed: [...this.#options.runtimes.keys()] },
    })
  }

  /** The directory of a session was real when the session was made: now it must still be there, and be the same. */
  async #checkAgain(cwd: string): Promise<string> {
    const real = await this.#options.checkCwd(cwd).catch((error: unknown) => {
      if (error instanceof Problem) return null
      throw error
    })
    if (real === cwd) return real
    throw new Problem('cwd_not_allowed', 'The working directory of the session is gone, or leads elsewhere now.')
  }

  #refuseWork(): void {
    if (this.#closing) throw new Problem('shutting_down', 'The daemon is shutting down.')
    if (!this.#options.log.writable) throw new Problem('storage_unavailable', 'The log cannot be written at the moment.', { retryAfter: 5 })
  }

  #load(sessionId: string): Session {
    const live = this.#loaded.get(sessionId)
    if (live !== undefined) return live
    const stored = this.#options.log.session(sessionId)
    if (stored === null) throw sessionNotFound(sessionId)
    const session = this.#open(this.#options.secrets.reveal(stored.record), stored.snapshot)
    session.journal.replay()
    return session
  }

  #open(record: SessionRecord, snapshot?: SessionSnapshot): Session {
    const masker = this.#options.createMasker([...Object.values(this.#options.secrets.load(record)), ...toSecrets(record.runtimeConfig)])
    const environment = async (runtime: Runtime) => {
      const env = await this.#options.environment(record, runtime)
      // Keys that were stored since the session was opened.
      masker.add(Object.values(env.credentials))
      return env
    }
    const runtime = this.#options.runtimes.get(record.runtime) ?? null
    const parts = { record, runtime, environment, masker, ...(snapshot === undefined ? {} : { snapshot }) }
    const session = new Session(parts, this.#world)
    this.#loaded.set(record.sessionId, session)
    return session
  }

  #unload(session: Session): void {
    if (session.dormant && !this.#fed.has(session)) this.#loaded.delete(session.record.sessionId)
  }
}
