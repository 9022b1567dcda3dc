import type { Message } from '@codesdkd/protocol'
import * as z from 'zod'
import type { Outcome, RuntimeSession, SessionSpec, TaskSpec } from '../../core/ports.ts'
import type { ProcessTree } from '../../core/process-tree.ts'
import type { TaskHost } from '../../core/task-host.ts'
import { inOrder, type Wait } from '../../core/wait.ts'
import { commandMark, parseCodexConfig, toPermissions } from './config.ts'
import type { Confines } from './config.ts'
import { toTaskError } from './errors.ts'
import type { CodexRollout } from './rollout.ts'
import type { TurnEnd } from './state.ts'
import { withoutDialect } from './strict-schema.ts'
import { CodexTurn, refuse } from './turn.ts'
import { aborted, after } from '../abort.ts'
import { RpcClosed, RpcError } from '../json-rpc.ts'
import type { Incoming, JsonRpc } from '../json-rpc.ts'
import { killMarked } from '../leftovers.ts'
import type { AgentProcess } from '../process.ts'
import { failed, lost } from '../outcome.ts'
import { findTree } from '../process-tree.ts'
import { toPrompt } from '../prompt.ts'
import { Running } from '../running.ts'
import { toSafeMessage } from '../safe-message.ts'

export interface CodexSessionOptions {
  readonly spec: SessionSpec
  readonly process: AgentProcess
  readonly rpc: JsonRpc
  readonly threadId: string
  readonly resumed: boolean
  /** Where the raw items of the conversation are found if the agent does not send them; else null. */
  readonly rollout: CodexRollout | null
  /** What the agent said before the first turn. */
  readonly backlog: readonly Incoming[]
  /** Names this agent in the environment of its commands. */
  readonly mark: string
  readonly confines: Confines
  /** What ends with the session: the process first of all. */
  readonly resources: AsyncDisposable
  /** Milliseconds that an interrupted turn has to end; then the agent is killed. Default 5000. */
  readonly interruptGraceMs?: number
}

const turnStartMs = 10_000
const defaultInterruptGraceMs = 5000
/** How long background commands may take to end after they were told to. */
const cleanGraceMs = 2000

/** A conversation with one app-server of its own. */
export class CodexSession implements RuntimeSession {
  readonly nativeId: string
  readonly resumed: boolean
  readonly #options: CodexSessionOptions
  /** Resolves when nothing more can come from the agent, with the error if that is our own fault. */
  readonly #silence: Promise<unknown>
  #turn: CodexTurn | null = null
  #running: Running<CodexTurn> | null = null
  #backlog: readonly Incoming[]
  #usable = true

  constructor(options: CodexSessionOptions) {
    this.#options = options
    this.nativeId = options.threadId
    this.resumed = options.resumed
    this.#backlog = options.backlog
    this.#silence = options.rpc.done.then(
      () => null,
      (error: unknown) => error,
    )
    void this.#silence.then(() => (this.#usable = false))
  }

  get alive(): boolean {
    return this.#usable && this.#options.process.alive
  }

  /** Takes messages of the agent. What comes between turns means nothing to a host; who asks then is refused, not left waiting. */
  receive(messages: readonly Incoming[]): Wait {
    const { rpc, rollout } = this.#options
    const turn = this.#turn
    if (turn === null) {
      for (const message of messages) if (message.kind === 'request') refuse(rpc, message)
      return null
    }
    if (rollout === null) return turn.receive(messages)
    return inOrder(messages, (message) => {
      const turnId = toMilestone(message)
      return turnId === null ? turn.receive([message]) : catchUp(turn, message, rollout.read(turnId))
    })
  }

  async run(task: TaskSpec, host: TaskHost): Promise<Outcome> {
    const running = new Running<CodexTurn>()
    this.#running = running
    try {
      return await this.#run(task, host, running)
    } finally {
      running.end()
    }
  }

  async #run(task: TaskSpec, host: TaskHost, running: Running<CodexTurn>): Promise<Outcome> {
    const { rpc, spec, threadId, confines, interruptGraceMs = defaultInterruptGraceMs } = this.#options
    const { policy, sandboxPolicy } = toPermissions(task.permissionMode, confines)
    const turn = new CodexTurn({ rpc, threadId, cwd: spec.cwd, policy, walled: confines.walled, host })
    await host.observe([{ kind: 'runtime_session', id: threadId }])
    await turn.receive(this.#backlog)
    this.#backlog = []
    // What stands in it already belongs to earlier turns.
    await this.#options.rollout?.read('')
    this.#turn = turn
    running.begin(turn)
    try {
      const permissions = { approvalPolicy: policy, approvalsReviewer: 'user', sandboxPolicy }
      const deadline = AbortSignal.any([AbortSignal.timeout(turnStartMs), after(host.signal, interruptGraceMs)])
      await rpc.request('turn/start', { ...toTurnInput(task, threadId), cwd: spec.cwd, ...permissions }, deadline)
      return await this.#follow(turn, host.signal)
    } catch (error) {
      return await this.#fail(error)
    } finally {
      this.#turn = null
    }
  }

  async steer(messages: readonly Message[]): Promise<boolean> {
    const running = this.#running
    const turn = await running?.turn
    return turn != null && running !== null && (await turn.steer(toInput(messages), running.over))
  }

  processes(): Promise<ProcessTree | null> {
    const { process, mark } = this.#options
    return findTree({ root: process.pid, mark })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#usable = false
    await this.#options.resources[Symbol.asyncDispose]()
    await killMarked(commandMark, this.#options.mark)
  }

  async #follow(turn: CodexTurn, signal: AbortSignal): Promise<Outcome> {
    const first = await Promise.race([
      turn.ended,
      this.#silence.then(() => 'silence' as const),
      aborted(signal).then(() => 'stop' as const),
    ])
    if (first === 'silence') return await this.#lost(await this.#silence)
    if (first !== 'stop') {
      await this.#clean(turn)
      return toOutcome(first)
    }
    await this.#interrupt(turn)
    return { status: 'stopped', reason: 'stopped' }
  }

  /** Ends the turn within the grace period, or the agent. */
  async #interrupt(turn: CodexTurn): Promise<void> {
    const { rpc, threadId, interruptGraceMs = defaultInterruptGraceMs } = this.#options
    const deadline = AbortSignal.timeout(interruptGraceMs)
    const late = aborted(deadline)
    const turnId = await Promise.race([turn.started, late, this.#silence])
    if (typeof turnId === 'string') await rpc.request('turn/interrupt', { threadId, turnId }, deadline).catch(() => {})
    const ended = await Promise.race([turn.ended, late, this.#silence])
    if (ended !== undefined && ended !== null) await this.#clean(turn)
    else await this.#kill()
  }

  // An interrupt leaves commands running, and so does a turn that ends before its commands do.
  async #clean(turn: CodexTurn): Promise<void> {
    const { rpc, threadId, mark } = this.#options
    const deadline = AbortSignal.timeout(cleanGraceMs)
    await rpc.request('thread/backgroundTerminals/clean', { threadId }, deadline).catch(() => {})
    await Promise.race([turn.quiet, aborted(deadline), this.#silence])
    await killMarked(commandMark, mark)
  }

  async #kill(): Promise<void> {
    this.#usable = false
    this.#options.process.kill()
    await this.#options.process.ended
    await killMarked(commandMark, this.#options.mark)
  }

  async #fail(error: unknown): Promise<Outcome> {
    if (error instanceof RpcError) return failed({ code: 'agent_error', message: toSafeMessage(error.message), retryable: false })
    if (error instanceof RpcClosed) return await this.#lost(await this.#silence)
    await this.#kill()
    if (!(error instanceof DOMException)) throw error
    return failed({ code: 'agent_protocol_error', message: 'The agent did not answer.', retryable: true })
  }

  /** The agent has ended, or cannot be understood any more. */
  #lost(cause: unknown): Promise<Outcome> {
    return lost(this.#options.process, cause, () => this.#kill())
  }
}

const ofTurn = z
  .object({ turnId: z.string() })
  .or(z.object({ turn: z.object({ id: z.string() }) }).transform(({ turn }) => ({ turnId: turn.id })))
const milestones: ReadonlySet<string> = new Set(['thread/tokenUsage/updated', 'turn/completed'])

/** The turn hears what the rollout tells before it hears the message. */
async function catchUp(turn: CodexTurn, message: Incoming, rollout: Promise<readonly Incoming[]>): Promise<void> {
  await turn.receive([...(await rollout), message])
}

/** The turn of a message before which the conversation's raw items should be known; null for any other message. */
function toMilestone(message: Incoming): string | null {
  if (message.kind === 'invalid' || (message.kind === 'notification' && !milestones.has(message.method))) return null
  return ofTurn.safeParse(message.params).data?.turnId ?? null
}

function toTurnInput(task: TaskSpec, threadId: string): object {
  const { reasoning_effort: effort } = parseCodexConfig(task.runtimeConfig)
  return {
    threadId,
    input: toInput(task.messages),
    clientUserMessageId: task.taskId,
    ...(effort === undefined ? {} : { effort }),
    ...(task.outputSchema === undefined ? {} : { outputSchema: withoutDialect(task.outputSchema) }),
  }
}

function toInput(messages: readonly Message[]): readonly object[] {
  const { text, images } = toPrompt(messages)
  return [
    ...(text === '' && images.length > 0 ? [] : [{ type: 'text', text, text_elements: [] }]),
    ...images.map(({ mediaType, base64 }) => ({ type: 'image', url: `data:${mediaType};base64,${base64}` })),
  ]
}

function toOutcome({ status, error }: TurnEnd): Outcome {
  if (status === 'completed') return { status: 'completed', reason: 'completed' }
  if (error !== null) return failed(toTaskError(error))
  return failed({ code: 'agent_error', message: `The agent ended the turn as ${status}.`, retryable: false })
}
