import {
  type JsonSchema,
  type Message,
  type PermissionMode,
  type TaskError,
  type TaskState,
  type ConfinementDenial,
} from '@codesdkd/protocol'
import type { Agent } from './agent.ts'
import { bound, storeNothing, type StoreText } from './bounds.ts'
import type { Inputs, Verdict } from './call-events.ts'
import { createDeltaGuard, type DeltaGuard } from './delta-guard.ts'
import { denyPending, observe, openTask, type PreparedObservation } from './decide.ts'
import type { Draft, Journal } from './journal.ts'
import { toOpenBlockTexts } from './open-blocks.ts'
import { createPatientStore, type PatientStore } from './patient-store.ts'
import { endOf } from './task-end.ts'
import { type Planted } from './enclosure.ts'
import {
  RuntimeFailure,
  type ArtifactStore,
  type Clock,
  type EventLog,
  type FoundSource,
  type Outcome,
  type RuntimeSession,
  type SessionRecord,
  type TaskSpec,
} from './ports.ts'
import { isAsked, type Answer, type Decision, type NativeCall, type Observation, type Question, type TaskHost } from './task-host.ts'
import { withAttachments } from './attachments.ts'
import { toBriefing, type Briefing } from './briefing.ts'
import { OpenCalls } from './open-calls.ts'
import { OpenQuestions } from './open-questions.ts'
import { asCaused, reasonOf, type Cause } from './cause.ts'
import { withinGrace } from './grace.ts'
import { toHandover, type HandoverOptions } from './handover.ts'
import { Steering } from './steering.ts'
import { OwnedCalls } from './owned-calls.ts'
import { createStructuredAnswer, type StructuredAnswer } from './structured-answer.ts'
import { andThen, inOrder, type Wait } from './wait.ts'
import { toOwnName, type CheckSchema, type Tool } from './tools.ts'
import { toHostsDenied } from './policy/policy.ts'
import { cancelQuestions, type CheckAnswer } from './question.ts'

/** How long after a refusal of the wall an agent may say that it runs the call which was refused something. Milliseconds. */
const REFUSAL_WAIT = 2_000

/**
 * How many events of a session may wait for their commit before its agent has to wait too. Enough that what the agent
 * wrote at once is committed at once, few enough that a slow disk slows the agent and not the memory.
 */
const UNCOMMITTED_LIMIT = 192
/** Observations of one change: where little room is left on the disk, little may still fit. */
const TOGETHER_LIMIT = 96

export interface TurnOptions {
  readonly journal: Journal
  readonly agent: Agent
  readonly log: EventLog
  readonly artifacts: ArtifactStore
  readonly clock: Clock
  readonly inputs: Inputs
  readonly taskId: string
  /** The settings of the session when the task began: what changes later counts for the next one. */
  readonly record: SessionRecord
  readonly messages: readonly Message[]
  readonly permissionMode: PermissionMode
  readonly runtimeConfig: Readonly<Record<string, unknown>>
  readonly timeoutMs: number | null
  readonly approvalTimeoutMs: number | null
  /** Policy for one call; looks at the file system. Never rejects. */
  readonly judge: (call: NativeCall, mode: PermissionMode) => Promise<Verdict>
  /** Throws `Problem` when the working directory is not what it was. */
  readonly checkCwd: () => Promise<void>
  readonly checkAnswer: CheckAnswer
  /** What the agent is offered beside its own tools. */
  readonly tools: readonly Tool[]
  readonly checkSchema: CheckSchema
  /** What the answer has to fit; `held` where the agent sees to that too. Null: anything goes. */
  readonly outputSchema: { readonly schema: JsonSchema; readonly held: boolean } | null
  /** Looks at the configuration that other programs obey; the second look tells what has changed. Neither rejects. */
  readonly watchConfiguration: () => Promise<() => Promise<readonly Planted[]>>
  readonly implicitSources: () => Promise<readonly FoundSource[]>
  /** True once in a session: to be told that nothing confines its commands. */
  readonly tellUnconfined: () => boolean
  readonly store: StoreText
  /** How much of the end of a text may be the beginning of a secret. */
  readonly heldBack: (text: string) => number
  readonly report: (error: unknown) => void
}

/** One task while it runs: the agent's way into the session, and the session's way to stop it. */
export class Turn implements TaskHost {
  readonly taskId: string
  readonly #options: TurnOptions
  readonly #abort = new AbortController()
  readonly #guard: DeltaGuard
  readonly #stored: PatientStore
  readonly #calls: OpenCalls
  readonly #questions: OpenQuestions
  readonly #owned: OwnedCalls
  readonly #answer: StructuredAnswer | null
  /** The way of further messages to the agent while it works. */
  readonly steering: Steering
  /** Ids of calls that the agent only passes on: what comes of them is told by whoever runs them. */
  readonly #passedOn = new Set<string>()
  /** Refusals that wait for a call which they belong to. */
  readonly #refusals = new Map<ConfinementDenial, NodeJS.Timeout>()
  #cause: Cause | null = null
  /** The agent is to end with the task. */
  #last = false
  #findPlanted: () => Promise<readonly Planted[]> = () => Promise.resolve([])

  constructor(options: TurnOptions) {
    this.#options = options
    this.taskId = options.taskId
    this.#guard = createDeltaGuard(options.heldBack)
    this.#stored = createPatientStore({ ...options, signal: this.signal })
    this.steering = new Steering({ ...options, signal: this.signal })
    const common = { ...options, timeoutMs: options.approvalTimeoutMs }
    this.#calls = new OpenCalls({
      ...common,
      stored: this.#stored,
      record: (drafts, durability) => this.#record(drafts, durability),
    })
    this.#questions = new OpenQuestions({
      ...common,
      newId: options.inputs.newId,
      record: (drafts) => this.#record(drafts, 'synced'),
    })
    this.#owned = new OwnedCalls({
      ...options,
      stored: this.#stored,
      ask: (call, known) => this.#calls.ask(call, () => this.stopping, known),
      askPerson: (question) => this.answer(question),
      record: (drafts, durability) => this.#record(drafts, durability),
    })
    this.#answer =
      options.outputSchema === null
        ? null
        : createStructuredAnswer({
            ...options,
            ...options.outputSchema,
            stored: this.#stored,
            signal: this.signal,
            record: (drafts, durability) => this.#record(drafts, durability),
          })
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  get stopping(): boolean {
    return this.#cause !== null
  }

  /** Runs the task from its start to its one terminal event. Never rejects; resolves after that event is committed. */
  async run(): Promise<void> {
    const { timeoutMs, agent } = this.#options
    const deadline = timeoutMs === null ? undefined : setTimeout(() => this.interrupt({ kind: 'deadline' }), timeoutMs)
    const outcome = await this.#outcome()
    clearTimeout(deadline)
    await this.steering.close()
    if (this.#last) await agent.close()
    await this.#owned.close(this.#cause === null ? 'the agent has ended its turn' : reasonOf(this.#cause))
    await this.#end(asCaused(outcome, this.#cause))
    agent.release()
  }

  /** Asks the task to end, and the agent with all that it has started to end before it. */
  fell(): void {
    this.#last = true
    this.interrupt({ kind: 'stop' })
  }

  /** Asks the task to end. What waits for a decision is denied at once; the first cause stands. */
  interrupt(cause: Cause): void {
    if (this.#cause !== null) return
    this.#cause = cause
    const { journal, inputs } = this.#options
    const task = openTask(journal.state, this.taskId)
    if (task !== undefined) {
      const reason = reasonOf(cause)
      void this.#record([...denyPending(task, reason, inputs), ...cancelQuestions(task, reason)], 'synced')
    }
    this.#abort.abort(new Error(reasonOf(cause)))
  }

  /** Lets what waits for a decision go on; called after any commit that may have decided something. Looks at nothing that is not committed. */
  settle(): void {
    const task = this.#options.journal.shown.tasks.get(this.taskId)
    this.#calls.settle(task)
    this.#questions.settle(task)
  }

  observe(observations: readonly Observation[]): Wait {
    for (const observation of observations) this.#answer?.hear(observation)
    return andThen(this.#takeAll(observations.flatMap((one) => this.#guard.pass(one))), () => this.#room())
  }

  /** What waits for room on the disk keeps those behind it waiting. */
  #takeAll(observations: readonly Observation[]): Wait {
    const together: PreparedObservation[] = []
    const append = () => this.#append(together.splice(0))
    const take = (observation: Observation): Wait => {
      if (this.#isPassedOn(observation) || isAsked(observation)) return null
      if (together.length >= TOGETHER_LIMIT) append()
      const made = this.#stored((store) => bound(observation, store))
      if (!(made instanceof Promise)) together.push(...made)
      else {
        append()
        return made.then((later) => this.#append(later))
      }
      return null
    }
    return andThen(inOrder(observations, take), () => {
      append()
      return null
    })
  }

  #room(): Wait {
    const { journal } = this.#options
    const full = journal.state.last_seq - journal.shown.last_seq > UNCOMMITTED_LIMIT
    return andThen(full ? journal.flushed : null, () => this.#calls.room())
  }

  #isOwned({ name }: NativeCall): boolean {
    const own = toOwnName(name)
    return own !== null && this.#options.tools.some((tool) => tool.name === own)
  }

  /** True for what the agent says of a tool that is not its own: it is judged and told where it is run. */
  #isPassedOn(observation: Observation): boolean {
    switch (observation.kind) {
      case 'call.unasked':
        if (!this.#isOwned(observation.call)) return false
        this.#passedOn.add(observation.call.id)
        return true
      case 'call.started':
      case 'call.output':
      case 'call.completed':
        return this.#passedOn.has(observation.id)
      case 'event':
      case 'call.asked':
      case 'question.asked':
      case 'runtime_session':
      case 'refused':
        return false
      default:
        return observation satisfies never
    }
  }

  #append(observations: readonly PreparedObservation[]): void {
    void this.#options.journal.commit(this.#toDrafts(observations), { durability: 'lazy' })
  }

  /** Each made when those before it are folded. */
  *#toDrafts(observations: readonly PreparedObservation[]): Generator<Draft> {
    const { journal, inputs } = this.#options
    for (const one of observations) {
      if (one.kind === 'runtime_session') journal.runtimeSessionId = one.id
      else if (one.kind === 'refused') this.#keepRefusal(one.denial)
      else yield* observe(journal.state, this.taskId, one, inputs)
    }
  }

  #keepRefusal(denial: ConfinementDenial): void {
    const { journal, inputs } = this.#options
    if (inputs.refusals.keep(openTask(journal.state, this.taskId), denial)) return
    this.#refusals.set(
      denial,
      setTimeout(() => this.#settleRefusal(denial), REFUSAL_WAIT),
    )
  }

  #settleRefusal(denial: ConfinementDenial): void {
    const { journal, inputs } = this.#options
    clearTimeout(this.#refusals.get(denial))
    this.#refusals.delete(denial)
    if (inputs.refusals.settle(openTask(journal.state, this.taskId), denial))
      void journal.commit(observe(journal.state, this.taskId, { kind: 'refused', denial }, inputs), { durability: 'lazy' })
  }

  ask(native: NativeCall): Promise<Decision> {
    if (this.#isOwned(native)) {
      this.#passedOn.add(native.id)
      return Promise.resolve({ decision: 'approved' })
    }
    return this.#calls.ask(native, () => this.stopping)
  }

  answer(question: Question): Promise<Answer> {
    return this.stopping ? Promise.resolve({ outcome: 'cancel', reason: 'the task is ending' }) : this.#questions.ask(question)
  }

  /** What the host says of a call that it runs. Throws the problems of the contract. */
  get hosted(): Pick<OwnedCalls, 'give' | 'write'> {
    return this.#owned
  }

  /** What a person answered, until the answer is committed. */
  provide(questionId: string, content: Readonly<Record<string, unknown>>): void {
    this.#questions.provide(questionId, content)
  }

  async #record(drafts: readonly Draft[], durability: 'lazy' | 'synced'): Promise<void> {
    await this.#options.journal.commit(drafts, { durability })
    this.settle()
  }

  async #outcome(): Promise<Outcome> {
    try {
      // All that is looked at on the disk is looked at together.
      let sources: Promise<readonly FoundSource[]> | null = this.#options.implicitSources()
      const [findPlanted] = await Promise.all([this.#options.watchConfiguration(), this.#options.checkCwd()])
      this.#findPlanted = findPlanted
      const { agent, briefing } = await this.#prepare()
      let { restored } = briefing
      const run = async (messages: readonly Message[]) => {
        const found = await (sources ?? this.#options.implicitSources())
        sources = null
        // What the agent says to it comes after it in the log, whenever that is written.
        void this.#record(await toHandover({ messages, restored, sources: found }, this.#handover), 'lazy')
        restored = null
        const spec = await this.#spec(messages)
        this.steering.begin(agent)
        return await withinGrace(agent.run(spec, this), { agent: this.#options.agent, signal: this.signal })
      }
      return await (this.#answer?.ask(briefing.messages, run) ?? run(briefing.messages))
    } catch (error) {
      return { status: 'failed', reason: 'error', error: this.#failure(error) }
    }
  }

  get #handover(): HandoverOptions {
    return { ...this.#options, stored: this.#stored, definitions: this.#owned.definitions }
  }

  async #spec(given: readonly Message[]): Promise<TaskSpec> {
    const { permissionMode, runtimeConfig, outputSchema, artifacts } = this.#options
    const held = outputSchema?.held === true ? { outputSchema: outputSchema.schema } : {}
    const messages = await withAttachments(given, artifacts)
    return { taskId: this.taskId, messages, permissionMode, runtimeConfig, ...held }
  }

  /** Opens the agent, and finds what it has to be told. */
  async #prepare(): Promise<{ agent: RuntimeSession; briefing: Briefing }> {
    const { journal, agent, log, record, messages, permissionMode } = this.#options
    const { runtimeSessionId } = journal
    const { agent: live, opened } = await agent.acquire(
      {
        sessionId: record.sessionId,
        cwd: record.cwd,
        model: record.model,
        permissionMode,
        runtimeConfig: record.runtimeConfig,
        resume: runtimeSessionId,
        isolationLevel: record.isolationLevel,
        trustWorkspace: record.trustWorkspace,
        tools: this.#owned.definitions,
      },
      { host: this, tools: this.#owned, hostsDenied: toHostsDenied({ mode: permissionMode, escalation: record.escalation }) },
      this.signal,
    )
    // Also where it never had it: another runtime took the session over, or the log is a copy.
    const lost = opened && !live.resumed
    if (live.nativeId !== null) journal.runtimeSessionId = live.nativeId
    const briefing = await toBriefing({ messages, log, sessionId: record.sessionId, opened, lost, known: journal.transcript.length })
    return { agent: live, briefing }
  }

  #failure(error: unknown): TaskError {
    if (error instanceof RuntimeFailure) return error.failure
    if (isProblem(error, 'cwd_not_allowed')) return { code: 'cwd_not_allowed', message: error.message, retryable: false }
    if (!this.stopping) this.#options.report(error)
    return { code: 'daemon_error', message: 'The daemon could not run the task; its log says why.', retryable: true }
  }

  async #end(outcome: Outcome): Promise<void> {
    const { journal, inputs } = this.#options
    this.#append(this.#guard.rest().flatMap((held) => (isAsked(held) ? [] : bound(held, storeNothing))))
    // What was shown of an open block is read back from the log: all of it has to be there.
    while (journal.shown.last_seq < journal.state.last_seq) await journal.flushed
    for (const denial of this.#refusals.keys()) this.#settleRefusal(denial)
    const task = openTask(journal.state, this.taskId)
    if (task === undefined) return
    const texts = this.#openTexts(task)
    await this.#record(endOf(journal, this.taskId, outcome, { texts, planted: await this.#findPlanted() }, inputs), 'synced')
  }

  /** A log that cannot be read at this moment costs the end of a text, never the end of the task. */
  #openTexts(task: TaskState): ReadonlyMap<string, string> {
    const { journal, log, report } = this.#options
    try {
      return toOpenBlockTexts(log, journal.record.sessionId, task)
    } catch (error) {
      report(error)
      return new Map()
    }
  }
}

function isProblem(error: unknown, code: string): error is Error {
  return error instanceof Error && 'code' in error && error.code === code
}
