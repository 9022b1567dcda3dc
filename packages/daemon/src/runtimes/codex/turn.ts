import { isAsked } from '../../core/task-host.ts'
import type { Asked, Decision, NativeCall, Observation, Question, TaskHost } from '../../core/task-host.ts'
import { andThen, type Wait } from '../../core/wait.ts'
import { toAnswer, toRefusal } from './answers.ts'
import { answered } from './call-flow.ts'
import { mapCodex } from './map.ts'
import { toReply } from './questions.ts'
import { createCodexState, hasRunningCalls } from './state.ts'
import type { ApprovalPolicy, CodexState, TurnEnd } from './state.ts'
import { aborted, after } from '../abort.ts'
import type { Incoming, JsonRpc } from '../json-rpc.ts'

export interface TurnOptions {
  readonly rpc: JsonRpc
  readonly threadId: string
  readonly cwd: string
  readonly policy: ApprovalPolicy
  readonly walled: boolean
  readonly host: TaskHost
}

type Request = Extract<Incoming, { kind: 'request' }>

/** How long the reason of a denial may take to reach the agent. */
const steerTimeoutMs = 5000

/** One turn of a conversation: feeds the mapper, and carries questions and decisions between agent and host. */
export class CodexTurn {
  /** Resolves with Codex's id of the turn when that runs. */
  readonly started: Promise<string>
  /** Resolves when Codex says that the turn has ended, after all that came before is observed. Rejects when the host fails. */
  readonly ended: Promise<TurnEnd>
  /** Resolves when, after the end, no call runs any more. */
  readonly quiet: Promise<void>
  readonly #options: TurnOptions
  readonly #start = Promise.withResolvers<string>()
  readonly #end = Promise.withResolvers<TurnEnd>()
  readonly #quiet = Promise.withResolvers<void>()
  #state: CodexState

  constructor(options: TurnOptions) {
    this.#options = options
    this.#state = createCodexState(options)
    this.started = this.#start.promise
    this.ended = this.#end.promise
    this.quiet = this.#quiet.promise
  }

  /** Takes messages of the agent, until they are observed; does not wait for decisions. */
  receive(messages: readonly Incoming[]): Wait {
    let seen: Observation[] = []
    for (const [index, message] of messages.entries()) {
      const { turnId } = this.#state
      const [state, observations] = mapCodex(this.#state, message)
      this.#state = state
      for (const observation of observations) if (!isAsked(observation)) seen.push(observation)
      // What only tells of the turn is observed together with what follows.
      if (message.kind !== 'request' && state.turnId === turnId && state.end === null) continue
      const wait = this.#proceed(message, observations.find(isAsked), seen)
      seen = []
      if (wait !== null) return andThen(wait, () => this.receive(messages.slice(index + 1)))
    }
    return seen.length === 0 ? null : this.#options.host.observe(seen)
  }

  /** Observes what came up to this message, and then lets it take effect. */
  #proceed(message: Incoming, asked: Asked | undefined, seen: readonly Observation[]): Wait {
    const state = this.#state
    if (message.kind === 'request' && asked === undefined) refuse(this.#options.rpc, message)
    return andThen(seen.length === 0 && asked === undefined ? null : this.#options.host.observe(seen), () => {
      // Not awaited: other calls go on while this one waits.
      if (message.kind === 'request' && asked !== undefined) this.#carry(message, asked)
      this.#settle(state)
      return null
    })
  }

  #carry(request: Request, asked: Asked): void {
    const reply = asked.kind === 'call.asked' ? this.#ask(request, asked.call) : this.#answer(request, asked.question)
    reply.catch((error: unknown) => this.#end.reject(error))
  }

  #settle(state: CodexState): void {
    if (state.turnId !== null) this.#start.resolve(state.turnId)
    if (state.end === null) return
    this.#end.resolve(state.end)
    if (!hasRunningCalls(state)) this.#quiet.resolve()
  }

  /** Gives the agent more to read in this turn; false when that is over, or the agent refuses. */
  async steer(input: readonly object[], signal: AbortSignal): Promise<boolean> {
    const { rpc, threadId } = this.#options
    const over = new AbortController()
    const end = () => over.abort()
    this.ended.then(end, end)
    void aborted(signal).then(end)
    const turnId = await Promise.race([this.started, aborted(over.signal)])
    if (turnId === undefined || over.signal.aborted) return false
    // Until the turn is over the agent has to answer; what comes too late for the turn it refuses.
    const answer = rpc.request('turn/steer', { threadId, expectedTurnId: turnId, input }, after(over.signal, steerTimeoutMs))
    return await answer.then(
      () => true,
      () => false,
    )
  }

  async #observe(observations: readonly Observation[]): Promise<void> {
    if (observations.length > 0) await this.#options.host.observe(observations)
  }

  async #ask(request: Request, call: NativeCall): Promise<void> {
    const { rpc, host } = this.#options
    const decision = await host.ask(call)
    // The turn is being interrupted: that withdraws the question, while an answer would let the agent go on.
    if (host.signal.aborted || this.#state.end !== null) return
    const approved = decision.decision === 'approved'
    if (!approved) await this.#tellReason(call, decision)
    this.#state = answered(this.#state, request.id, approved)
    const answer = toAnswer(request, approved)
    if (answer !== null) rpc.respond(request.id, answer)
    // In the same turn of the event loop as the answer, so that nothing the call does can be observed before it.
    if (approved) await this.#observe([{ kind: 'call.started', id: call.id }])
  }

  async #answer(request: Request, question: Question): Promise<void> {
    const { rpc, host } = this.#options
    const answer = await host.answer(question)
    if (host.signal.aborted || this.#state.end !== null) return
    if (answer.outcome === 'decline') await this.#steer(`The user did not answer. ${answer.reason}`)
    const reply = toReply(request.method, answer)
    if (reply !== null) rpc.respond(request.id, reply)
  }

  // Codex tells the model only that the call was rejected. What is steered in before the answer stands in the model's next request.
  async #tellReason(call: NativeCall, decision: Extract<Decision, { decision: 'denied' }>): Promise<void> {
    await this.#steer(`Denied: \`${call.title.slice(0, 200)}\`. ${decision.reason}`)
  }

  async #steer(text: string): Promise<void> {
    const { rpc, threadId } = this.#options
    const params = { threadId, expectedTurnId: this.#state.turnId, input: [{ type: 'text', text, text_elements: [] }] }
    await rpc.request('turn/steer', params, AbortSignal.timeout(steerTimeoutMs)).catch(() => {})
  }
}

/** Answers a request that nobody is asked about. */
export function refuse(rpc: JsonRpc, request: Request): void {
  const refusal = toRefusal(request)
  if (refusal === null) rpc.refuse(request.id, -32601, 'not supported')
  else rpc.respond(request.id, refusal)
}
