import {
  Problem,
  sessionPhase,
  type Artifact,
  type CreateTask,
  type PermissionMode,
  type Session as SessionResource,
  type StopResponse,
  type StopScope,
  type Task,
  type TaskStarted,
  type UploadArtifact,
} from '@codesdkd/protocol'
import { Agent } from './agent.ts'
import { checkAttachments } from './attachments.ts'
import type { Inputs } from './call-events.ts'
import type { Succession } from './handoff.ts'
import { Inbox } from './inbox.ts'
import { Journal } from './journal.ts'
import { toOpenBlockTexts } from './open-blocks.ts'
import type { AgentEnv, Masker, Outcome, Runtime, SessionChanges, SessionRecord, SessionSnapshot } from './ports.ts'
import { createRefusals } from './refusals.ts'
import { toSecrets } from './redaction/secret-settings.ts'
import { toChanged } from './session-changes.ts'
import { toSession } from './session-resource.ts'
import { checkOutputSchema } from './output-schema.ts'
import { endTree, endTurn } from './end-tree.ts'
import { createJoining } from './joined.ts'
import { newMessages } from './held-messages.ts'
import { noProcesses } from './process-tree.ts'
import { endOf } from './task-end.ts'
import { TaskQueue, type Queued } from './task-queue.ts'
import { offerTools } from './offer-tools.ts'
import type { SessionWorld } from './session-world.ts'
import { Turn } from './turn.ts'
import { toTurnOptions } from './turn-options.ts'
import { upload } from './uploads.ts'
import { findTarget } from './when-busy.ts'

export interface LoadedSessionWorld extends SessionWorld {
  /** Told whenever what is open in a session may have changed. */
  readonly onChange: (session: Session) => void
}

export interface SessionParts {
  readonly record: SessionRecord
  /** Null when this daemon does not offer the session's runtime: then it can be read, and what is open can be closed. */
  readonly runtime: Runtime | null
  readonly environment: (runtime: Runtime) => Promise<AgentEnv>
  readonly masker: Masker
  readonly snapshot?: SessionSnapshot
}

/** One session: its journal, its queue of tasks, the turn that runs, the agent behind it. */
export class Session {
  readonly #world: LoadedSessionWorld
  /** What of it waits for a person. */
  readonly inbox: Inbox
  readonly #journal: Journal
  readonly #agent: Agent
  readonly #runtime: Runtime | null
  readonly #masker: Masker
  readonly #queue: TaskQueue
  #turn: { readonly turn: Turn; readonly done: Promise<void> } | null = null
  /** Of the task that runs, or ran last. */
  #permissionMode: PermissionMode
  #toldUnconfined = false
  /** Set while it is being deleted or handed off: then nothing new begins. */
  #leaving: 'delete' | 'handoff' | null = null

  constructor({ record, runtime, environment, masker, snapshot }: SessionParts, world: LoadedSessionWorld) {
    this.#world = world
    this.#permissionMode = record.permissionMode
    this.#masker = masker
    this.#runtime = runtime
    this.#journal = new Journal(record, { ...world, hash: world.hash.contentHash, masker }, snapshot)
    this.inbox = new Inbox({
      journal: this.#journal,
      inputs: () => this.#inputs(this.#permissionMode),
      checkAnswer: world.checkAnswer,
      turn: () => this.#turn?.turn ?? null,
    })
    this.#queue = new TaskQueue({
      slots: world.slots,
      running: () => this.#turn !== null,
      start: (queued, release) => this.#start(queued, release),
    })
    this.#agent = new Agent({
      runtime,
      environment,
      idleTimeoutMs: world.idleTimeoutMs,
      seats: world.seats,
      onChange: () => world.onChange(this),
    })
  }

  get record(): SessionRecord {
    return this.#journal.record
  }

  get journal(): Journal {
    return this.#journal
  }

  get agentLive(): boolean {
    return this.#agent.live
  }

  /** True when nothing is open and nothing runs: the session can be read from its rows alone. */
  get dormant(): boolean {
    return !this.busy && !this.#agent.live && this.#leaving === null
  }

  get openTasks(): { readonly running: number; readonly queued: number } {
    return { running: this.#turn === null ? 0 : 1, queued: this.#queue.length }
  }

  get resource(): SessionResource {
    return toSession(this.#journal.shownRecord, {
      runtimeSessionId: this.#journal.runtimeSessionId,
      phase: this.#stopping(sessionPhase(this.#journal.shown)),
      lastSeq: this.#journal.shown.last_seq,
    })
  }

  /** An open task, as far as its events are committed. */
  task(taskId: string): Task | undefined {
    const task = this.#journal.task(taskId, this.#journal.shown)
    return task !== undefined && this.#turn?.turn.taskId === taskId ? { ...task, phase: this.#stopping(task.phase) } : task
  }

  /** Accepts a task: it starts now or waits its turn. The same id with the same body is the same task. */
  async submit(
    request: CreateTask,
    taskId: string,
    bodyHash: string,
    requestId: string,
  ): Promise<{ started: TaskStarted; replayed: boolean }> {
    const tools = await offerTools(request.tool_manifest, { ...this.#world, runtime: this.#runtime })
    await checkOutputSchema(request.output_schema, this.#world.checkSchema)
    // Nothing is awaited from here to the commit: the id that was found free is the id that is taken.
    const earlier = this.#earlier(taskId)
    if (earlier !== null) {
      if (earlier.bodyHash !== bodyHash)
        throw new Problem('task_exists', 'Another task of this session has this id.', { members: { task_id: taskId } })
      await this.#journal.flushed
      return { started: this.#started(earlier.task), replayed: true }
    }
    this.#refuseTasks()
    const target = this.#target(request)
    if (this.#queue.length >= this.#world.queueLimit) {
      throw new Problem('backpressure', 'Too many tasks wait in this session.', {
        members: { limit: this.#world.queueLimit, current: this.#queue.length, scope: 'session' },
        retryAfter: 5,
      })
    }
    this.#masker.add(toSecrets(request.runtime_config))
    const messages = newMessages(this.#journal.transcript, request.messages, {
      hash: this.#world.hash.contentHash,
      mask: (text) => this.#masker.maskText(text),
    })
    checkAttachments(messages, this.record.sessionId, this.#world.artifacts)
    const queued: Queued = { taskId, messages, request, tools }
    const slot = this.#queue.tryTake()
    const type = slot === null ? 'task.queued' : 'task.started'
    const steers = target === null ? {} : { steers: target.taskId }
    const committed = this.#journal.commit([{ type, task_id: taskId, payload: { messages: [...messages], ...steers } }], {
      durability: 'synced',
      requestId,
      bodyHash,
    })
    if (slot === null) {
      this.#queue.push(queued)
      if (target !== null) queued.joined = createJoining(target, queued, committed, () => this.#queue.remove(taskId))
      this.#queue.next()
    } else this.#run(queued, slot)
    await committed
    await queued.joined?.soon()
    const task = this.task(taskId) ?? this.#earlier(taskId)?.task
    if (task === undefined) throw new Error(`task ${taskId} is neither open nor stored`)
    return { started: this.#started(task), replayed: false }
  }

  /** Stores what tasks of the session may name. Throws the problems of the contract. */
  upload(request: UploadArtifact): Artifact {
    this.#refuseTasks()
    return upload(this.#world.artifacts, this.record.sessionId, request, (text) => this.#masker.maskText(text))
  }

  /** Changes settings; durable when it resolves. `toRow` makes of the settings what may stand in the log. Throws `session_busy`. */
  async update(changes: SessionChanges, toRow: (record: SessionRecord) => SessionRecord, requestId: string): Promise<void> {
    this.#refuseLeaving()
    if (Object.keys(changes).length === 0) return this.#journal.flushed
    if (changes.archived === true) {
      if (this.busy) throw this.busyProblem()
      void this.#agent.close()
    }
    const record = { ...this.record, ...changes }
    await this.#journal.commit([{ type: 'session.updated', payload: { changed: toChanged(changes), changed_by: 'user' } }], {
      durability: 'synced',
      requestId,
      update: { record, row: toRow(record) },
    })
  }

  /**
   * Ends the agent and commits what `prepare` says of its successor (null: there is none, and all stays). After that nothing begins here any
   * more: the session has to be opened anew. Throws `session_busy`, `session_archived`, and what `prepare` throws.
   */
  async handOff(prepare: (record: SessionRecord) => Promise<Succession | null>, requestId: string): Promise<boolean> {
    this.#refuseTasks()
    if (this.busy) throw this.busyProblem()
    this.#leaving = 'handoff'
    try {
      const next = await prepare(this.record)
      if (next !== null) await this.#succeed(next, requestId)
      else this.#leaving = null
      return next !== null
    } catch (error) {
      if (this.#leaving === 'handoff') this.#leaving = null
      throw error
    }
  }

  async #succeed({ record, row, event, secrets }: Succession, requestId: string): Promise<void> {
    await this.#agent.close()
    if (this.#leaving === 'delete') this.#refuseLeaving()
    this.#masker.add(secrets)
    this.#journal.runtimeSessionId = null
    await this.#journal.commit([event], { durability: 'synced', requestId, update: { record, row } })
  }

  /** What the host says of a call that it runs. Throws `tool_call_not_running` where no task runs, and the other problems of the contract. */
  get hosted(): Turn['hosted'] {
    if (this.#turn === null) throw new Problem('tool_call_not_running', 'No call with this id waits for a result of the host.')
    return this.#turn.turn.hosted
  }

  /**
   * Idempotent; resolves once the stop is under way (a queued task: has ended; with a scope: is over, or takes its time). Throws
   * `task_not_found`.
   */
  async stop(taskId: string, requestId: string, scope?: StopScope): Promise<StopResponse> {
    if (scope !== 'turn') await this.#queue.find(taskId)?.joined?.cancel()
    const task = this.#earlier(taskId)?.task
    if (task === undefined) throw new Problem('task_not_found', 'The session has no task with this id.', { members: { task_id: taskId } })
    const about = { ok: true, task_id: taskId, ...(scope === undefined ? {} : { scope }) } as const
    if (scope !== 'turn' && this.#queue.remove(taskId)) {
      await this.#endNow(taskId, { status: 'stopped', reason: 'stopped_by_user' }, requestId)
      this.#world.onChange(this)
      return { ...about, status: 'stopped', ...(scope === 'tree' ? { processes: noProcesses } : {}) }
    }
    const running = this.#turn?.turn.taskId === taskId ? this.#turn : null
    const status = () => this.#earlier(taskId)?.task.status ?? task.status
    if (scope === 'tree') {
      const waits = this.#queue.find(taskId) !== undefined
      const processes = waits ? noProcesses : await endTree({ agent: this.#agent, running, current: () => this.#turn })
      return { ...about, status: status(), processes }
    }
    if (scope !== undefined && running !== null) {
      const processes = await endTurn(this.#agent, running)
      return { ...about, status: status(), processes }
    }
    running?.turn.interrupt({ kind: 'stop' })
    return { ...about, status: task.status }
  }

  #target(request: CreateTask): Turn | null {
    return findTarget(request, {
      runtime: this.#runtime,
      turn: this.#turn?.turn ?? null,
      permissionMode: this.#permissionMode,
      busy: this.busy,
      busyProblem: () => this.busyProblem(),
    })
  }

  /** Ends what a killed daemon left open, or what was open where the log was copied: nothing is run again by itself. */
  async recover(): Promise<void> {
    this.#journal.replay()
    const error = { code: 'daemon_restarted', message: 'The daemon ended while the task was open.', retryable: true } as const
    const copied = this.record.forkedFrom?.afterSeq ?? 0
    for (const { task_id, first_seq } of this.#journal.state.tasks.values()) {
      const forked = first_seq <= copied
      await this.#endNow(
        task_id,
        forked ? { status: 'stopped', reason: 'forked' } : { status: 'failed', reason: 'daemon_restarted', error },
      )
    }
  }

  /** Stops everything and ends the agent; every open task gets its terminal event. Whatever it is closed for, nothing new begins. */
  async close(kind: 'shutdown' | 'delete' = 'shutdown'): Promise<void> {
    if (kind === 'delete') this.#leaving = kind
    const reason = kind === 'delete' ? 'session_deleted' : 'daemon_shutdown'
    for (const { taskId, joined } of this.#queue.clear()) {
      await joined?.cancel()
      await this.#endNow(taskId, { status: 'stopped', reason })
    }
    this.#turn?.turn.interrupt({ kind })
    await this.#turn?.done
    await this.#agent.close()
    await this.#journal.flushed
  }

  /** It was not deleted after all. */
  keep(): void {
    this.#leaving = null
  }

  get busy(): boolean {
    return this.#turn !== null || this.#queue.length > 0 || this.#journal.state.tasks.size > 0
  }

  /** What is in the way of who wants a session without open tasks. */
  busyProblem(): Problem {
    const open = [...this.#journal.state.tasks.values()].filter(({ status }) => status === 'running').map(({ task_id }) => task_id)
    return new Problem('session_busy', 'A task of the session is open: stop it first, or wait for its end.', {
      members: { session_id: this.record.sessionId, open_tasks: open.slice(0, 100) },
    })
  }

  #refuseTasks(): void {
    this.#refuseLeaving()
    if (!this.record.archived) return
    const path = `/sessions/${this.record.sessionId}`
    throw new Problem('session_archived', `The session is archived; PATCH ${path} with {"archived": false} brings it back.`, {
      members: { session_id: this.record.sessionId },
    })
  }

  #refuseLeaving(): void {
    if (this.#leaving === null) return
    const detail = this.#leaving === 'delete' ? 'The session is being deleted.' : 'The session is being handed off.'
    throw new Problem('session_busy', detail, { members: { session_id: this.record.sessionId } })
  }

  /** That a stop is under way is no event: it shows in the phase alone. */
  #stopping<Phase extends SessionResource['phase'] | Task['phase']>(phase: Phase): Phase | 'stopping' {
    const open = phase !== 'idle' && phase !== 'completed' && phase !== 'failed' && phase !== 'stopped'
    return open && this.#turn?.turn.stopping === true ? 'stopping' : phase
  }

  #earlier(taskId: string): { readonly task: Task; readonly bodyHash: string } | null {
    const task = this.#journal.task(taskId)
    const bodyHash = this.#journal.bodyHash(taskId)
    if (task !== undefined && bodyHash !== undefined) return { task, bodyHash }
    return this.#world.log.task(this.record.sessionId, taskId)
  }

  #started(task: Task): TaskStarted {
    const { task_id, phase, last_seq, steered_into } = task
    const joined = steered_into === undefined ? {} : { steered_into }
    return { session_id: this.record.sessionId, task_id, status: 'started', phase, last_seq, ...joined }
  }

  #start(queued: Queued, release: () => void): void {
    void this.#journal.commit([{ type: 'task.started', task_id: queued.taskId, payload: { messages: [...queued.messages] } }], {
      durability: 'synced',
    })
    this.#run(queued, release)
  }

  #run(queued: Queued, release: () => void): void {
    const { record } = this
    const world = this.#world
    this.#permissionMode = queued.request.permission_mode ?? record.permissionMode
    const turn = new Turn(
      toTurnOptions(queued, {
        journal: this.#journal,
        agent: this.#agent,
        runtime: this.#runtime,
        masker: this.#masker,
        inputs: this.#inputs(this.#permissionMode),
        world,
        tellUnconfined: () => {
          const first = !this.#toldUnconfined
          this.#toldUnconfined = true
          return first
        },
      }),
    )
    // The agent may begin only after the task is on disk.
    const done = this.#journal.flushed
      .then(() => turn.run())
      .finally(() => {
        this.#turn = null
        release()
        this.#queue.next()
        world.onChange(this)
      })
    this.#turn = { turn, done }
    done.catch((error: unknown) => world.report(error, { session_id: record.sessionId, task_id: queued.taskId }))
  }

  async #endNow(taskId: string, outcome: Outcome, requestId?: string): Promise<void> {
    await this.#journal.flushed
    const task = this.#journal.state.tasks.get(taskId)
    if (task === undefined || task.status !== 'running') return
    const texts = toOpenBlockTexts(this.#world.log, this.record.sessionId, task)
    const drafts = endOf(this.#journal, taskId, outcome, { texts }, this.#inputs(this.record.permissionMode))
    await this.#journal.commit(drafts, { durability: 'synced', ...(requestId === undefined ? {} : { requestId }) })
  }

  /** For one task: what is refused while it runs is kept with them. */
  #inputs(permissionMode: PermissionMode): Inputs {
    const { hash, newId } = this.#world
    return { ...hash, newId, permissionMode, walled: this.record.sandbox.walled, refusals: createRefusals() }
  }
}
