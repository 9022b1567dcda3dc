import { isAsked } from '../../core/task-host.ts'
import type { Asked, Decision, NativeCall, Observation, Question, TaskHost } from '../../core/task-host.ts'
import { andThen, type Wait } from '../../core/wait.ts'
import { answered, toOutcome } from './call-flow.ts'
import { beginPrompt, endPrompt, mapAcp, toHiddenFailure } from './map.ts'
import type { MapHooks } from './map.ts'
import { permissionRequest } from './native.ts'
import type { PromptResult } from './native.ts'
import type { AcpRules, Denial, DenialWays } from './profile.ts'
import { toElicitationResult } from './questions.ts'
import { createAcpState, hasOpenCalls } from './state.ts'
import type { AcpState, Beginning } from './state.ts'
import { aborted } from '../abort.ts'
import type { Incoming, JsonRpc } from '../json-rpc.ts'

export interface TurnOptions extends Beginning {
  readonly rpc: JsonRpc
  readonly profile: MapHooks & Pick<AcpRules, 'denial'>
  readonly host: TaskHost
}

/** An agent that was denied more often than this in one prompt hears the reasons of the first ones. */
const TOLD_DENIALS = 64

type Request = Extract<Incoming, { kind: 'request' }>

/** One task of a conversation: feeds the mapper, and carries questions and decisions between agent and host. */
export class AcpTurn {
  readonly #options: TurnOptions
  #state: AcpState
  #denials: readonly Denial[] = []
  /** Whether the agent began something new after the last denial. */
  #wentOn = false
  /** Whether the agent was told to end the prompt that runs. */
  #cancelled = false
  /** The first failure of our own while a question was carried; there should be none. */
  readonly #broken = Promise.withResolvers<never>()

  constructor(options: TurnOptions) {
    this.#options = options
    this.#state = createAcpState(options)
    // It is heard only while a prompt runs.
    this.#broken.promise.catch(() => {})
  }

  /** Rejects when a question could not be carried. */
  get broken(): Promise<never> {
    return this.#broken.promise
  }

  /** What the conversation has cost so far; null when that is not known. */
  get cost(): number | null {
    return this.#state.cost.now ?? this.#state.cost.before
  }

  /** Takes one message of the agent, until it is observed; does not wait for decisions. */
  receive(message: Incoming): Wait {
    const { rpc, profile } = this.#options
    const [state, observations] = mapAcp(profile, this.#state, message)
    this.#state = state
    this.#wentOn ||= observations.some(isNew)
    const asked = observations.find(isAsked)
    const seen = asked === undefined ? observations : observations.filter((observation) => !isAsked(observation))
    return andThen(observations.length === 0 ? null : this.#options.host.observe(seen), () => {
      // Not awaited: the agent may go on with something else while this waits.
      if (message.kind === 'request') {
        if (asked === undefined) refuse(rpc, message)
        else this.#carry(message, asked)
      }
      this.#endDenied()
      return null
    })
  }

  /** A further prompt begins. */
  async begin(): Promise<void> {
    const [state, observations] = beginPrompt(this.#state)
    this.#state = state
    this.#denials = []
    this.#cancelled = false
    await this.#observe(observations)
  }

  /** The agent has answered the prompt. Resolves with its hidden failure, and with what it was denied and does not know the reason of. */
  async end(result: PromptResult): Promise<{ readonly failure: ReturnType<typeof toHiddenFailure>; readonly denials: readonly Denial[] }> {
    const { profile } = this.#options
    const [state, observations] = endPrompt(profile, this.#state, result)
    this.#state = state
    await this.#observe(observations)
    const silent = this.#afterDenial === 'prompt_if_ended' && this.#wentOn
    return { failure: toHiddenFailure(profile, state, result), denials: silent ? [] : this.#denials }
  }

  /** Tells the agent to end the prompt; once. */
  cancel(): void {
    if (this.#cancelled) return
    this.#cancelled = true
    this.#options.rpc.notify('session/cancel', { sessionId: this.#state.sessionId })
  }

  get #afterDenial(): DenialWays['after'] {
    return this.#options.profile.denial?.after ?? 'prompt_if_ended'
  }

  #carry(request: Request, asked: Asked): void {
    const carried = asked.kind === 'call.asked' ? this.#ask(request, asked.call) : this.#answer(request, asked.question)
    carried.catch((error: unknown) => this.#broken.reject(error))
  }

  async #observe(observations: readonly Observation[]): Promise<void> {
    if (observations.length > 0) await this.#options.host.observe(observations)
  }

  async #ask(request: Request, call: NativeCall): Promise<void> {
    const { rpc, host } = this.#options
    const decision = await Promise.race([host.ask(call), aborted(host.signal)])
    if (decision === undefined || host.signal.aborted) {
      // In this order: the agent must not take it for a mere refusal and go on.
      this.cancel()
      rpc.respond(request.id, { outcome: { outcome: 'cancelled' } })
      return
    }
    // The agent has given the question up, or means another call by it now.
    if (!this.#state.requests.has(request.id)) return refuse(rpc, request)
    const approved = decision.decision === 'approved'
    this.#state = answered(this.#state, request.id, approved)
    const options = permissionRequest.safeParse(request.params).data?.options ?? []
    const refusal = decision.decision === 'denied' ? this.#options.profile.denial?.toError?.(decision.reason) : undefined
    if (refusal === undefined) rpc.respond(request.id, { outcome: toOutcome(options, approved), ...this.#toMeta(decision) })
    else rpc.fail(request.id, refusal)
    // In the same turn of the event loop as the answer, so that nothing the call does can be observed before it.
    if (decision.decision === 'approved') await this.#observe([{ kind: 'call.started', id: call.id }])
    else this.#keepReason({ call, reason: decision.reason })
    this.#endDenied()
  }

  #keepReason(denial: Denial): void {
    if (this.#afterDenial === 'nothing') return
    if (this.#denials.length < TOLD_DENIALS) this.#denials = [...this.#denials, denial]
    this.#wentOn = false
  }

  #toMeta(decision: Decision): object {
    const { denial } = this.#options.profile
    return decision.decision === 'approved' || denial?.toAnswerMeta === undefined ? {} : { _meta: denial.toAnswerMeta(decision.reason) }
  }

  async #answer({ id }: Request, question: Question): Promise<void> {
    const { rpc, host } = this.#options
    const answer = await Promise.race([host.answer(question), aborted(host.signal)])
    if (host.signal.aborted) this.cancel()
    rpc.respond(id, toElicitationResult(answer ?? { outcome: 'cancel', reason: 'stopped' }))
  }

  // What runs beside a denied call is let finish.
  #endDenied(): void {
    if (this.#afterDenial === 'cancel_and_prompt' && this.#denials.length > 0 && !hasOpenCalls(this.#state)) this.cancel()
  }
}

/** True for what an agent does only when its model has been asked again. A call that fails unasked may be one that was dropped with the denied one. */
function isNew(observation: Observation): boolean {
  if (observation.kind === 'event') return observation.event.type === 'model.output.delta'
  return observation.kind === 'call.asked'
}

/** Answers a request that nobody is asked about. */
export function refuse(rpc: JsonRpc, { id, method, params }: Request): void {
  const options = permissionRequest.safeParse(params).data?.options ?? []
  if (method === 'session/request_permission') rpc.respond(id, { outcome: toOutcome(options, false) })
  else if (method === 'elicitation/create') rpc.respond(id, { action: 'decline' })
  else rpc.refuse(id, -32_601, 'Method not found')
}
