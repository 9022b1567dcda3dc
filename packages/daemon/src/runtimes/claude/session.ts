import { randomUUID } from 'node:crypto'
import type { Message } from '@codesdkd/protocol'
import type { Outcome, RuntimeSession, SessionSpec, TaskSpec } from '../../core/ports.ts'
import type { ProcessTree } from '../../core/process-tree.ts'
import type { CallResult, TaskHost } from '../../core/task-host.ts'
import type { Wait } from '../../core/wait.ts'
import type { Channel, Incoming } from './channel.ts'
import { commandMark } from './config.ts'
import { toTaskError } from './errors.ts'
import type { TurnEnd } from './state.ts'
import { ClaudeTurn, answerAtOnce } from './turn.ts'
import { aborted } from '../abort.ts'
import { killMarked } from '../leftovers.ts'
import type { AgentProcess } from '../process.ts'
import { processMark } from '../process.ts'
import { failed, lost } from '../outcome.ts'
import { findTree } from '../process-tree.ts'
import { toPrompt } from '../prompt.ts'
import { Running } from '../running.ts'

export interface ClaudeSessionOptions {
  readonly spec: SessionSpec
  /** Where its commands run. */
  readonly executionEnv: CallResult['executionEnv']
  /** Done before each turn. Never rejects. */
  readonly prepare: () => Promise<void>
  readonly process: AgentProcess
  readonly channel: Channel
  /** Its own process id, as its commands carry it: another one where the executable is a wrapper. */
  readonly pid: number
  readonly conversation: { readonly id: string; readonly resumed: boolean }
  /** Names this agent in the environment of all that it starts. */
  readonly mark: string
  /** What ends with the session: the process and all that it started first of all. */
  readonly resources: AsyncDisposable
  /** Milliseconds that an interrupted turn has to end; then the agent is killed. Default 5000. */
  readonly interruptGraceMs?: number
}

const defaultInterruptGraceMs = 5000

/** A conversation with one process of Claude Code. */
export class ClaudeSession implements RuntimeSession {
  readonly nativeId: string
  readonly resumed: boolean
  readonly #options: ClaudeSessionOptions
  /** Resolves when nothing more can come from the agent, with the error if that is our own fault. */
  readonly #silence: Promise<unknown>
  #turn: ClaudeTurn | null = null
  /** The turn that ran last: a task may have more than one. */
  #last: { readonly taskId: string; readonly turn: ClaudeTurn } | null = null
  #running: Running<ClaudeTurn> | null = null
  #usable = true

  constructor(options: ClaudeSessionOptions) {
    this.#options = options
    this.nativeId = options.conversation.id
    this.resumed = options.conversation.resumed
    this.#silence = options.channel.done.then(
      () => null,
      (error: unknown) => error,
    )
    void this.#silence.then(() => (this.#usable = false))
  }

  get alive(): boolean {
    return this.#usable && this.#options.process.alive
  }

  /** Takes one message of the agent. What comes between turns means nothing to a host; who asks then is refused, not left waiting. */
  receive(incoming: Incoming): Wait {
    if (this.#turn !== null) return this.#turn.receive(incoming)
    if (incoming.kind === 'request') answerAtOnce(this.#options.channel, incoming)
    return null
  }

  async run(task: TaskSpec, host: TaskHost): Promise<Outcome> {
    const running = new Running<ClaudeTurn>()
    this.#running = running
    try {
      return await this.#run(task, host, running)
    } finally {
      running.end()
    }
  }

  async #run(task: TaskSpec, host: TaskHost, running: Running<ClaudeTurn>): Promise<Outcome> {
    const { channel, spec, executionEnv, prepare } = this.#options
    await Promise.race([prepare(), aborted(host.signal)])
    const prompt = randomUUID()
    const usage = this.#last?.taskId === task.taskId ? this.#last.turn.usage : null
    const turn = new ClaudeTurn({ channel, cwd: spec.cwd, executionEnv, prompt, usage, host })
    this.#last = { taskId: task.taskId, turn }
    await host.observe([{ kind: 'runtime_session', id: this.nativeId }])
    this.#turn = turn
    try {
      this.#say(prompt, task.messages)
      running.begin(turn)
      return await this.#follow(turn, host.signal)
    } catch (error) {
      await this.#kill()
      throw error
    } finally {
      this.#turn = null
    }
  }

  async steer(messages: readonly Message[]): Promise<boolean> {
    const prompt = randomUUID()
    const running = this.#running
    const turn = await running?.turn
    if (!this.alive || running?.over.aborted === true || turn?.steer(prompt) !== true) return false
    this.#say(prompt, messages)
    return true
  }

  processes(): Promise<ProcessTree | null> {
    const { process, mark } = this.#options
    return findTree({ root: process.pid, mark })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#usable = false
    await this.#options.resources[Symbol.asyncDispose]()
  }

  #say(uuid: string, messages: readonly Message[]): void {
    const message = { role: 'user', content: toContent(messages) }
    this.#options.channel.send({ type: 'user', message, parent_tool_use_id: null, uuid })
  }

  async #follow(turn: ClaudeTurn, signal: AbortSignal): Promise<Outcome> {
    const first = await Promise.race([
      turn.ended,
      this.#silence.then(() => 'silence' as const),
      aborted(signal).then(() => 'stop' as const),
    ])
    if (first === 'silence') return await this.#lost(await this.#silence)
    if (first === 'stop') {
      await this.#interrupt(turn)
      return { status: 'stopped', reason: 'stopped' }
    }
    await this.#clean()
    return toOutcome(first)
  }

  /** Ends the turn within the grace period, or the agent. */
  async #interrupt(turn: ClaudeTurn): Promise<void> {
    const { channel, interruptGraceMs = defaultInterruptGraceMs } = this.#options
    const deadline = AbortSignal.timeout(interruptGraceMs)
    // Its answer may come after the end of the turn, and says nothing more.
    void channel.request({ subtype: 'interrupt', cancel_queued: true }, deadline).catch(() => {})
    const late = Promise.race([aborted(deadline), this.#silence])
    const ended = await Promise.race([turn.ended.then(() => true), late.then(() => false)])
    if (ended) await this.#clean()
    else await this.#kill()
  }

  // A command may leave others running when it ends. Its pid alone would also be that of an agent which is long gone, and not ours.
  async #clean(): Promise<void> {
    const { pid, mark } = this.#options
    await killMarked(commandMark, String(pid), { [processMark]: mark })
  }

  // Commands run in sessions of their own: the end of the agent's group is not theirs.
  async #kill(): Promise<void> {
    this.#usable = false
    this.#options.process.kill()
    await this.#options.process.ended
    await killMarked(processMark, this.#options.mark)
  }

  /** The agent has ended, or cannot be understood any more. */
  #lost(cause: unknown): Promise<Outcome> {
    return lost(this.#options.process, cause, () => this.#kill())
  }
}

function toContent(messages: readonly Message[]): readonly object[] {
  const { text, images } = toPrompt(messages)
  return [
    ...(text === '' && images.length > 0 ? [] : [{ type: 'text', text }]),
    ...images.map(({ mediaType, base64 }) => ({ type: 'image', source: { type: 'base64', media_type: mediaType, data: base64 } })),
  ]
}

function toOutcome(end: TurnEnd): Outcome {
  const error = toTaskError(end)
  return error === null ? { status: 'completed', reason: 'completed' } : failed(error)
}
