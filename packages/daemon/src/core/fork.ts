import { setImmediate } from 'node:timers/promises'
import { isTerminal, type Event, type Task } from '@codesdkd/protocol'
import type {
  ArtifactStore,
  EventLog,
  PendingEvent,
  SessionCopy,
  SessionRecord,
  SessionSnapshot,
  StoredEvent,
  TaskRecord,
} from './ports.ts'
import { HeldTranscript } from './held-transcript.ts'
import { toEvent } from './stored-event.ts'

/** Events that are copied in one turn of the event loop. */
const SLICE = 500
const TASKS = 100

export interface ForkOptions {
  readonly log: EventLog
  readonly artifacts: Pick<ArtifactStore, 'share'>
  readonly hash: (value: unknown) => string
  /** The id of the artifact that the fork gets for one of the original: always the same, and not to be guessed. */
  readonly toArtifactId: (id: string) => string
  /** As it may stand in the log; `forkedFrom` says what is copied. */
  readonly record: SessionRecord & { readonly forkedFrom: NonNullable<SessionRecord['forkedFrom']> }
  /** Its first event, and the one after what is copied. */
  readonly events: readonly [PendingEvent, PendingEvent]
  readonly signal: AbortSignal
}

/**
 * Makes a session whose log is that of another one up to an event, in slices between which the event loop runs; little more than a slice is
 * held in memory. It is there when this resolves, whole; before that nobody finds it, and where this rejects nobody ever will. Tasks that
 * were open at the end of what is copied are so still. Rejects with `storage_unavailable` and with the signal's reason.
 */
export async function forkSession(options: ForkOptions): Promise<void> {
  const { log, record, events, signal } = options
  const { sessionId: from, afterSeq } = record.forkedFrom
  using copy = log.copy(record)
  const fold = new ForkFold(options.hash)
  const rewrite = createRewriter(options)
  for (let seq = 0; seq < afterSeq;) {
    const rows = log.read(from, seq, Math.min(SLICE, afterSeq - seq))
    const last = rows.at(-1)
    // It was deleted meanwhile.
    if (last === undefined) throw new Error(`the log of ${from} ends before ${afterSeq}`)
    seq = last.seq
    const own = rewrite(rows.filter((row) => row.seq > 1))
    for (const row of own) fold.add(row)
    copy.add(own)
    await setImmediate(undefined, { signal })
  }
  await copyTasks(copy, fold, { ...options, rewrite })
  signal.throwIfAborted()
  copy.publish(events, fold.snapshot(afterSeq))
}

const folded: ReadonlySet<string> = new Set(['task.queued', 'task.started', 'task.steered', 'model.output.completed'])

/** What of a log matters to whoever goes on with it. */
class ForkFold {
  /** Tasks without an end, and where they begin. */
  readonly open = new Map<string, { readonly firstSeq: number; started: string | null }>()
  readonly #transcript: HeldTranscript

  constructor(hash: (value: unknown) => string) {
    this.#transcript = new HeldTranscript(hash)
  }

  add(row: PendingEvent): void {
    if (folded.has(row.type) || isTerminal(row.type)) this.#addTaskEvent(toEvent(row))
  }

  #addTaskEvent(event: Event): void {
    const taskId = event.trace.task_id ?? ''
    const task = this.open.get(taskId)
    if (event.type === 'task.queued') this.open.set(taskId, { firstSeq: event.seq, started: null })
    if (event.type === 'task.started') {
      this.open.set(taskId, { firstSeq: task?.firstSeq ?? event.seq, started: event.time })
    }
    this.#transcript.add(event)
    if (!isTerminal(event.type)) return
    this.open.delete(taskId)
    if (task !== undefined && task.started !== null) this.#transcript.end()
  }

  /** As a session would have it that goes on after this event. */
  snapshot(seq: number): SessionSnapshot {
    const open = [...this.open.values()].map(({ firstSeq }) => firstSeq - 1)
    return { seq: Math.min(seq, ...open), runtimeSessionId: null, transcript: [...this.#transcript.messages] }
  }
}

type Rewrite = (rows: readonly StoredEvent[]) => readonly PendingEvent[]

/** Fields of events and of their content that name artifacts. Within text the quotes would be escaped. */
const reference = /"(\w+_ref|artifact_id)":"([0-9a-f]{32})"/g

/** The same events in the log of the fork, with its own artifacts. */
function createRewriter({ artifacts, toArtifactId, record }: ForkOptions): Rewrite {
  const { sessionId: to, forkedFrom } = record
  const from = forkedFrom.sessionId
  const [before, after] = [`"trace":{"session_id":${JSON.stringify(from)}`, `"trace":{"session_id":${JSON.stringify(to)}`]
  return (rows) => {
    // The input of a call has a hash: it stays what it was.
    const named = rows.flatMap(({ type, json }) =>
      type === 'tool.call.requested' ? [] : [...json.matchAll(reference)].map(([, , id = '']) => id),
    )
    const shared = named.length === 0 ? new Map<string, string>() : artifacts.share([...new Set(named)], { from, to }, toArtifactId)
    return rows.map(({ seq, type, json }) => {
      const own = shared.size === 0 || type === 'tool.call.requested' ? json : withReferences(json, shared)
      // The envelope stands before the payload: the first place is the right one.
      return { sessionId: to, seq, type, json: own.replace(before, () => after) }
    })
  }
}

function withReferences(json: string, shared: ReadonlyMap<string, string>): string {
  return json.replace(reference, (whole, name: string, id: string) => {
    const own = shared.get(id)
    return own === undefined ? whole : `"${name}":"${own}"`
  })
}

async function copyTasks(
  copy: SessionCopy,
  fold: ForkFold,
  { log, record, signal }: ForkOptions & { readonly rewrite: Rewrite },
): Promise<void> {
  const { sessionId: from, afterSeq } = record.forkedFrom
  for (let after: string | null = null; ;) {
    const rows: readonly TaskRecord[] = log.tasks(from, after, TASKS) ?? []
    const ours = rows.filter(({ task }) => (task.first_seq ?? task.last_seq) <= afterSeq)
    copy.addTasks(ours.map(({ task, bodyHash }) => ({ task: toForked(task, fold, record), bodyHash })))
    after = rows.at(-1)?.task.task_id ?? null
    if (after === null || ours.length < rows.length) return
    await setImmediate(undefined, { signal })
  }
}

/** As it was where the log was cut. */
function toForked(task: Task, fold: ForkFold, { sessionId, forkedFrom }: ForkOptions['record']): Task {
  const open = fold.open.get(task.task_id)
  if (open === undefined) return { ...task, session_id: sessionId }
  const { reason: _reason, error: _error, receipt: _receipt, ...begun } = task
  const phase = open.started === null ? 'queued' : 'running'
  const times = { started_at: open.started, ended_at: null, last_seq: forkedFrom.afterSeq }
  return { ...begun, ...times, session_id: sessionId, status: 'running', phase, usage: null }
}
