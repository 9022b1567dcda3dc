import {
  emptyState,
  evolve,
  forgetEnded,
  isTerminal,
  type Event,
  type NewEvent,
  type SessionState,
  type Task,
  type TaskState,
} from '@codesdkd/protocol'
import type { Clock, Durability, EventLog, Masker, PendingEvent, SessionRecord, SessionSnapshot, TaskRecord } from './ports.ts'
import { Envelope } from './envelope.ts'
import type { RecordedEvent } from './recording.ts'
import { toEvent } from './stored-event.ts'
import type { HeldMessage } from './held-messages.ts'
import { HeldTranscript } from './held-transcript.ts'

export interface JournalOptions {
  readonly log: EventLog
  readonly clock: Clock
  readonly masker: Masker
  readonly hash: (value: unknown) => string
  /** Told of every event after its commit, in order of seq. */
  readonly observer: (event: Event) => void
}

/** An event, or one that depends on what the events before it in the same commit have changed. */
export type Draft = NewEvent | ((state: SessionState, time: string) => NewEvent)

export interface CommitOptions {
  readonly durability: Durability
  readonly requestId?: string
  /** Row of the session; with its first event only. */
  readonly session?: SessionRecord
  /** The settings from these events on, and the row that keeps them. */
  readonly update?: { readonly record: SessionRecord; readonly row: SessionRecord }
  /** Hash of the request that made the task of these events. */
  readonly bodyHash?: string
}

interface Stamped {
  readonly event: Event
  readonly pending: PendingEvent
}

/** Events that wait for one commit, and how things stand after them. */
interface Queued {
  readonly appended: Promise<void>
  readonly events: Event[]
  state: SessionState
  record: SessionRecord
}

/**
 * The writing end of one session's log. It numbers and serialises each event once, folds it at once, so that the
 * next decision sees it, and shows it to others only after the commit.
 */
export class Journal {
  readonly #options: JournalOptions
  readonly #envelope: Envelope
  readonly #bodyHashes = new Map<string, string>()
  #record: SessionRecord
  #shownRecord: SessionRecord
  #state: SessionState
  #shown: SessionState
  readonly #transcript: HeldTranscript
  #runtimeSessionId: string | null = null
  #model: string | null
  #flushed: Promise<void> = Promise.resolve()
  #queued: Queued | null = null

  constructor(record: SessionRecord, options: JournalOptions, snapshot?: SessionSnapshot) {
    this.#record = record
    this.#shownRecord = record
    this.#options = options
    this.#envelope = new Envelope(record.sessionId)
    this.#model = record.model
    this.#transcript = new HeldTranscript(options.hash, snapshot?.transcript)
    this.#runtimeSessionId = snapshot?.runtimeSessionId ?? null
    const base = emptyState(record.sessionId)
    this.#state = {
      ...base,
      last_seq: snapshot?.seq ?? 0,
      runtime: record.runtime,
      runtime_session_id: this.#runtimeSessionId,
      permission_mode: record.permissionMode,
      model: record.model,
      title: record.title,
      metadata: record.metadata,
      archived: record.archived,
    }
    this.#shown = this.#state
  }

  /** The settings as of the last event that was numbered. */
  get record(): SessionRecord {
    return this.#record
  }

  /** The settings as of the last event that is committed. */
  get shownRecord(): SessionRecord {
    return this.#shownRecord
  }

  /** The state as of the last event that was numbered: what the next decision is based on. */
  get state(): SessionState {
    return this.#state
  }

  /** The state as of the last event that is committed: what others may see. */
  get shown(): SessionState {
    return this.#shown
  }

  /** What is remembered of the messages that the session holds. */
  get transcript(): readonly HeldMessage[] {
    return this.#transcript.messages
  }

  get runtimeSessionId(): string | null {
    return this.#runtimeSessionId
  }

  /** Names the agent's conversation (null: it is lost); events from now on carry it. */
  set runtimeSessionId(id: string | null) {
    this.#runtimeSessionId = id
  }

  /** Hash of the request that made an open task; undefined once the task's row is all there is. */
  bodyHash(taskId: string): string | undefined {
    return this.#bodyHashes.get(taskId)
  }

  /** Folds what was committed after the snapshot; before anything is written. */
  replay(): void {
    const { log } = this.#options
    for (;;) {
      const page = log.read(this.record.sessionId, this.#state.last_seq, 5000)
      if (page.length === 0) break
      for (const stored of page) this.#fold(toEvent(stored))
    }
    for (const task of this.#state.tasks.values()) {
      const row = log.task(this.record.sessionId, task.task_id)
      if (row !== null) this.#bodyHashes.set(task.task_id, row.bodyHash)
    }
    this.#runtimeSessionId = this.#state.runtime_session_id
    this.#shown = this.#state
  }

  /**
   * Numbers, folds and queues the events in one atomic change; each draft is asked for when those before it are folded. Resolves when they
   * are committed; rejects only when the log is closed.
   */
  commit(drafts: Iterable<Draft>, options: CommitOptions): Promise<void> {
    this.#record = options.update?.record ?? this.#record
    const stamped: Stamped[] = []
    for (const draft of drafts) stamped.push(this.#stamp(draft, options.requestId))
    return this.#append(stamped, options)
  }

  /** Takes over events of a recording, which follow on its own, as they are; else as `commit` does. The settings become those that they tell. */
  adopt(recorded: readonly RecordedEvent[]): Promise<void> {
    const { sessionId } = this.record
    const stamped = recorded.map(({ event, json }) => {
      this.#fold(event)
      return { event, pending: { sessionId, seq: event.seq, type: event.type, json } }
    })
    this.#runtimeSessionId = this.#state.runtime_session_id
    const { permission_mode: permissionMode, model, title, metadata, archived } = this.#state
    const record = { ...this.#record, permissionMode, model, title, metadata, archived }
    const changed = recorded.some(({ event }) => event.type.startsWith('session.'))
    if (changed) this.#record = record
    return this.#append(stamped, { durability: 'lazy', bodyHash: '', ...(changed ? { update: { record, row: record } } : {}) })
  }

  #append(stamped: readonly Stamped[], { durability, session, update, bodyHash }: CommitOptions): Promise<void> {
    const record = this.#record
    const events = stamped.map(({ event }) => event)
    const pending = stamped.map((one) => one.pending)
    const touched = new Set<string>()
    for (const { type, trace } of events) if (changesRow(type) && trace.task_id !== undefined) touched.add(trace.task_id)
    if (events.length === 0) return this.#flushed
    if (bodyHash !== undefined) for (const taskId of touched) this.#bodyHashes.set(taskId, bodyHash)
    const appended = this.#options.log.append({
      sessionId: this.record.sessionId,
      events: pending,
      durability,
      ...(session === undefined ? {} : { session }),
      ...(update === undefined ? {} : { update: update.row }),
      ...(session !== undefined || events.some((event) => endsConversation(event.type)) ? { snapshot: this.#snapshot() } : {}),
      ...(touched.size === 0 ? {} : { tasks: [...touched].flatMap((taskId) => this.#taskRow(taskId)) }),
    })
    const state = this.#state
    const queued = this.#queued
    if (queued?.appended === appended) {
      queued.events.push(...events)
      queued.state = state
      queued.record = record
      return this.#flushed
    }
    const made: Queued = { appended, events, state, record }
    this.#queued = made
    this.#flushed = appended.then(() => this.#show(made))
    return this.#flushed
  }

  /** Resolves when everything queued so far is committed. */
  get flushed(): Promise<void> {
    return this.#flushed
  }

  /** The resource of an open task, in the given state. */
  task(taskId: string, state = this.#state): Task | undefined {
    const task = state.tasks.get(taskId)
    return task === undefined ? undefined : toTask(this.record.sessionId, task)
  }

  #stamp(draft: Draft, requestId: string | undefined): Stamped {
    const time = this.#options.clock.now()
    const made = typeof draft === 'function' ? draft(this.#state, time) : draft
    const seq = this.#state.last_seq + 1
    // A task keeps the model with which it began, whatever is chosen meanwhile.
    if (made.type === 'task.started' || made.type === 'session.handed_off') this.#model = this.#record.model
    const { sessionId, runtime: name } = this.record
    const runtime = { name, model: this.#model, sessionId: this.#runtimeSessionId }
    const { value: event, json: plain } = this.#envelope.wrap(made, { seq, time, requestId, runtime })
    const json = this.#options.masker.mask(plain)
    // What is folded is what is stored: a masked event is read back from its bytes.
    const stored = json === plain ? event : toEvent({ json })
    this.#fold(stored)
    return { event: stored, pending: { sessionId, seq, type: event.type, json } }
  }

  #fold(event: Event): void {
    this.#state = evolve(this.#state, event)
    this.#transcript.add(event)
    if (!isTerminal(event.type)) return
    const task = this.#state.tasks.get(event.trace.task_id ?? '')
    if (task !== undefined && task.started_at !== null) this.#transcript.end()
  }

  /** After the commit: ended tasks live on in their rows alone. */
  #show({ events, state, record }: Queued): void {
    this.#shown = forgetEnded(state)
    this.#shownRecord = record
    if (events.some((event) => isTerminal(event.type))) {
      this.#state = forgetEnded(this.#state)
      for (const taskId of this.#bodyHashes.keys()) if (!this.#state.tasks.has(taskId)) this.#bodyHashes.delete(taskId)
    }
    for (const event of events) this.#options.observer(event)
  }

  #snapshot(): SessionSnapshot {
    return { seq: this.#snapshotSeq(), runtimeSessionId: this.#runtimeSessionId, transcript: [...this.#transcript.messages] }
  }

  /** Up to here nothing is open: the fold can begin after it. While a task is open, its events must be folded again. */
  #snapshotSeq(): number {
    const open = [...this.#state.tasks.values()].filter((task) => task.status === 'running').map((task) => task.first_seq - 1)
    return Math.min(this.#state.last_seq, ...open)
  }

  #taskRow(taskId: string): readonly TaskRecord[] {
    const task = this.task(taskId)
    const bodyHash = this.#bodyHashes.get(taskId)
    return task === undefined || bodyHash === undefined ? [] : [{ task, bodyHash }]
  }
}

function changesRow(type: string): boolean {
  return type === 'task.queued' || type === 'task.started' || isTerminal(type)
}

/** What a snapshot says of the conversation is not so any more. */
function endsConversation(type: string): boolean {
  return isTerminal(type) || type === 'session.handed_off'
}

export function toTask(sessionId: string, task: TaskState): Task {
  return {
    session_id: sessionId,
    task_id: task.task_id,
    status: task.status,
    last_seq: task.last_seq,
    phase: task.phase,
    first_seq: task.first_seq,
    created_at: task.created_at,
    started_at: task.started_at,
    ended_at: task.ended_at,
    usage: task.usage,
    ...(task.reason === undefined ? {} : { reason: task.reason }),
    ...(task.steered_into === undefined ? {} : { steered_into: task.steered_into }),
    ...(task.error === undefined ? {} : { error: task.error }),
    ...task.result,
    ...(task.receipt === undefined ? {} : { receipt: task.receipt }),
  }
}
