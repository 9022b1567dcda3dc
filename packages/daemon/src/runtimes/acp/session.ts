import * as z from 'zod'
import type { Outcome, RuntimeSession, TaskSpec } from '../../core/ports.ts'
import type { ProcessTree } from '../../core/process-tree.ts'
import type { TaskHost } from '../../core/task-host.ts'
import type { Wait } from '../../core/wait.ts'
import { promptResult, toSessionUpdate } from './native.ts'
import type { PromptResult } from './native.ts'
import type { AcpRules, Denial, ErrorContext, Launch } from './profile.ts'
import { toPromptContent } from './prompt.ts'
import { toOutcome } from './stop-reason.ts'
import { killStrays, readTicks } from './strays.ts'
import { AcpTurn, refuse } from './turn.ts'
import { toTaskError } from './errors.ts'
import { aborted } from '../abort.ts'
import { RpcClosed, RpcError } from '../json-rpc.ts'
import type { Incoming, JsonRpc } from '../json-rpc.ts'
import { killMarked } from '../leftovers.ts'
import { notice } from '../observation.ts'
import { failed, lost } from '../outcome.ts'
import { findTree } from '../process-tree.ts'
import { processMark } from '../process.ts'
import type { AgentProcess } from '../process.ts'

export interface AcpSessionOptions {
  readonly profile: AcpRules
  readonly process: AgentProcess
  readonly rpc: JsonRpc
  readonly launch: Launch
  readonly sessionId: string
  readonly resumed: boolean
  readonly cwd: string
  readonly walled: boolean
  /** The session mode that the agent began with; empty when it told none. */
  readonly mode: string
  readonly takesImages: boolean
  readonly authMethods: readonly string[]
  readonly mark: string
  /** What ends with the session: the process first of all, and all that it started. */
  readonly resources: AsyncDisposable
  /** Milliseconds that an interrupted turn has to end; then the agent is killed. Default 5000. */
  readonly interruptGraceMs?: number
}

const setModeMs = 10_000
const defaultInterruptGraceMs = 5000
/** Prompts of one task that only carry reasons of denials; who is denied more often than this does not listen. */
const maxReasonPrompts = 25

type Ending = Awaited<ReturnType<AcpTurn['end']>> & { readonly result: PromptResult }

/** A conversation with one agent process of its own. */
export class AcpSession implements RuntimeSession {
  readonly nativeId: string
  readonly resumed: boolean
  readonly #options: AcpSessionOptions
  /** Resolves when nothing more can come from the agent, with the error if that is our own fault. */
  readonly #silence: Promise<unknown>
  #turn: AcpTurn | null = null
  /** The task that ran last: it may be given a further prompt, and what was told of it goes on. */
  #last: { readonly taskId: string; readonly turn: AcpTurn } | null = null
  #usable = true
  #mode: string
  /** What the conversation has cost; null when that is not known. */
  #cost: number | null

  constructor(options: AcpSessionOptions) {
    this.#options = options
    this.nativeId = options.sessionId
    this.resumed = options.resumed
    this.#mode = options.mode
    this.#cost = options.resumed ? null : 0
    this.#silence = options.rpc.done.then(
      () => null,
      (error: unknown) => error,
    )
    void this.#silence.then(() => (this.#usable = false))
  }

  get alive(): boolean {
    return this.#usable && this.#options.process.alive
  }

  /** Takes one message of the agent. What comes between turns means nothing to a host; who asks then is refused, not left waiting. */
  receive(message: Incoming): Wait {
    const mode = message.kind === 'notification' ? toMode(message.params) : null
    if (mode !== null) this.#mode = mode
    if (this.#turn !== null) return this.#turn.receive(message)
    if (message.kind === 'request') refuse(this.#options.rpc, message)
    return null
  }

  async run(task: TaskSpec, host: TaskHost): Promise<Outcome> {
    const { profile, takesImages } = this.#options
    await host.observe([{ kind: 'runtime_session', id: this.nativeId }])
    const since = await readTicks()
    const turn = await this.#begin(task.taskId, host)
    this.#turn = turn
    try {
      await this.#setMode(profile.toMode?.(task.permissionMode) ?? null)
      const { content, omitted } = toPromptContent(task.messages, takesImages)
      if (omitted > 0)
        await host.observe([notice('warning', 'acp.images.omitted', 'The agent takes no images: only their place is named.')])
      return await this.#converse(turn, content, host)
    } catch (error) {
      return await this.#fail(error)
    } finally {
      this.#cost = turn.cost
      this.#turn = null
      // A command in the background belongs to its task: nobody would see or stop it afterwards.
      if (this.alive) await this.#endCommands(since)
    }
  }

  processes(): Promise<ProcessTree | null> {
    const { process, mark } = this.#options
    return findTree({ root: process.pid, mark })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#usable = false
    await this.#options.resources[Symbol.asyncDispose]()
  }

  async #begin(taskId: string, host: TaskHost): Promise<AcpTurn> {
    const { rpc, profile, cwd, walled } = this.#options
    const again = this.#last?.taskId === taskId ? this.#last.turn : null
    await again?.begin()
    const turn = again ?? new AcpTurn({ rpc, profile, host, cwd, walled, sessionId: this.nativeId, costBefore: this.#cost })
    this.#last = { taskId, turn }
    return turn
  }

  // An agent that does not keep to what it was told is no agent to work with, so a failure ends the task.
  async #setMode(modeId: string | null): Promise<void> {
    if (modeId === null || modeId === this.#mode) return
    await this.#options.rpc.request('session/set_mode', { sessionId: this.nativeId, modeId }, AbortSignal.timeout(setModeMs))
    this.#mode = modeId
  }

  /** Prompts until the agent is done; a denied call may need a further prompt to tell why. */
  async #converse(turn: AcpTurn, first: readonly object[], host: TaskHost): Promise<Outcome> {
    let content = first
    for (let prompts = 0; ; prompts += 1) {
      const ending = await this.#prompt(turn, content, host)
      if (ending === null) return { status: 'stopped', reason: 'stopped' }
      const { result, failure, denials } = ending
      if (failure !== null) return failed(failure)
      if (denials.length === 0) return toOutcome(result)
      if (prompts === maxReasonPrompts) {
        await host.observe([notice('warning', 'acp.denials', 'The agent was denied so often that the task ends here.')])
        return { status: 'completed', reason: 'denied' }
      }
      content = [{ type: 'text', text: (this.#options.profile.denial?.toPrompt ?? toReasons)(denials) }]
      await turn.begin()
    }
  }

  /** One prompt to its end; null when the task was stopped meanwhile. */
  async #prompt(turn: AcpTurn, prompt: readonly object[], host: TaskHost): Promise<Ending | null> {
    const { rpc } = this.#options
    if (host.signal.aborted) return null
    const since = await readTicks()
    const unbounded = new AbortController().signal
    const answer = rpc.request('session/prompt', { sessionId: this.nativeId, prompt }, unbounded).then(async (json) => {
      const result = promptResult.parse(json ?? {})
      return { result, ...(await turn.end(result)) }
    })
    const first = await Promise.race([answer, turn.broken, aborted(host.signal)])
    if (first !== undefined && !host.signal.aborted) return first
    await this.#interrupt(turn, answer, since)
    return null
  }

  /** Ends the turn within the grace period, or the agent. */
  async #interrupt(turn: AcpTurn, answer: Promise<unknown>, since: number): Promise<void> {
    const { interruptGraceMs = defaultInterruptGraceMs } = this.#options
    turn.cancel()
    const ended = answer.then(
      () => true,
      () => true,
    )
    const late = aborted(AbortSignal.timeout(interruptGraceMs)).then(() => false)
    if (!(await Promise.race([ended, late]))) return await this.#kill()
    await this.#endCommands(since)
  }

  async #endCommands(since: number): Promise<void> {
    const { launch, mark, process } = this.#options
    await (launch.endCommands?.() ?? killStrays({ mark, groups: await process.groups(), since }))
  }

  async #kill(): Promise<void> {
    this.#usable = false
    this.#options.process.kill()
    await this.#options.process.ended
    await killMarked(processMark, this.#options.mark)
  }

  async #fail(error: unknown): Promise<Outcome> {
    const { profile, authMethods } = this.#options
    const context: ErrorContext = { phase: 'prompt', authMethods }
    if (error instanceof RpcError) return failed((profile.toTaskError ?? toTaskError)(error, context))
    if (error instanceof RpcClosed) return await this.#lost(await this.#silence)
    await this.#kill()
    if (!(error instanceof DOMException || error instanceof z.ZodError)) throw error
    return failed({ code: 'agent_protocol_error', message: 'The agent did not answer as it should.', retryable: true })
  }

  /** The agent has ended, or cannot be understood any more. */
  #lost(cause: unknown): Promise<Outcome> {
    return lost(this.#options.process, cause, () => this.#kill())
  }
}

const currentMode = z.object({ update: z.object({ sessionUpdate: z.literal('current_mode_update'), currentModeId: z.string() }) })

/** The mode that the agent says it is in now; null for any other message. */
function toMode(params: unknown): string | null {
  return toSessionUpdate(params)?.name === 'current_mode_update' ? (currentMode.safeParse(params).data?.update.currentModeId ?? '') : null
}

function toReasons(denials: readonly Denial[]): string {
  const lines = denials.map(({ call, reason }) => `Denied: \`${call.title.slice(0, 200)}\`. ${reason}`)
  return [...lines, 'Go on with the task in another way, or say what you would need.'].join('\n')
}
