import type { Usage } from '@codesdkd/protocol'
import { isAsked } from '../../core/task-host.ts'
import type { Asked, CallResult, NativeCall, Observation, Question, TaskHost } from '../../core/task-host.ts'
import { andThen, type Wait } from '../../core/wait.ts'
import { answered, isOpen, toHookDecision } from './call-flow.ts'
import { toEditedFile, withContent } from './calls.ts'
import type { Channel, Incoming } from './channel.ts'
import { mapClaude } from './map.ts'
import { toNativeRequest } from './native.ts'
import type { NativeRequestOf } from './native.ts'
import { toServerAnswer, toToolAnswer } from './questions.ts'
import { createClaudeState } from './state.ts'
import type { ClaudeState, TurnEnd } from './state.ts'
import { steered } from './steered.ts'
import { readTextFile } from '../text-file.ts'

export interface TurnOptions {
  readonly channel: Channel
  readonly cwd: string
  /** Where commands run. */
  readonly executionEnv: CallResult['executionEnv']
  /** The prompt's own id. */
  readonly prompt: string
  /** Of the turns of the same task before it; null where there was none. */
  readonly usage: Usage | null
  readonly host: TaskHost
}

type Request = Extract<Incoming, { kind: 'request' }>

/** A larger file is not read for the diff of an edit. */
const maxDiffedBytes = 1024 * 1024

/** One turn of a conversation: feeds the mapper, and carries questions and decisions between agent and host. */
export class ClaudeTurn {
  /** Resolves when Claude Code says that the turn has ended, after all that came before is observed. Rejects when the host fails. */
  readonly ended: Promise<TurnEnd>
  readonly #options: TurnOptions
  readonly #end = Promise.withResolvers<TurnEnd>()
  #state: ClaudeState

  constructor(options: TurnOptions) {
    this.#options = options
    this.#state = createClaudeState(options)
    this.ended = this.#end.promise
    // Nobody may be waiting when the host fails.
    this.ended.catch(() => {})
  }

  /** Of the task, with this turn once it has ended. */
  get usage(): Usage | null {
    return this.#state.usage
  }

  /** Takes one message of the agent, until it is observed; does not wait for decisions. */
  receive(incoming: Incoming): Wait {
    const [state, observations] = mapClaude(this.#state, incoming)
    this.#state = state
    const asked = observations.find(isAsked)
    if (incoming.kind === 'request' && asked === undefined) answerAtOnce(this.#options.channel, incoming)
    const seen = asked === undefined ? observations : observations.filter((observation) => !isAsked(observation))
    return andThen(observations.length === 0 ? null : this.#options.host.observe(seen), () => {
      // Not awaited: other calls go on while this one waits.
      if (incoming.kind === 'request' && asked !== undefined) this.#carry(incoming, asked)
      if (state.end !== null) this.#end.resolve(state.end)
      return null
    })
  }

  #carry(request: Request, asked: Asked): void {
    const settled = asked.kind === 'call.asked' ? this.#ask(request, asked.call) : this.#answer(request, asked.question)
    settled.catch((error: unknown) => this.#end.reject(error))
  }

  /** Something is sent into the turn under this id; false when it has ended, or is being ended. */
  steer(uuid: string): boolean {
    if (this.#state.end !== null || this.#options.host.signal.aborted) return false
    this.#state = steered(this.#state, uuid)
    return true
  }

  async #observe(observations: readonly Observation[]): Promise<void> {
    if (observations.length > 0) await this.#options.host.observe(observations)
  }

  async #ask({ id }: Request, call: NativeCall): Promise<void> {
    const { channel, host, cwd } = this.#options
    const decision = await host.ask(await withFile(call, cwd))
    // An interrupt withdraws the question, while an answer would let the agent go on.
    if (!this.#waits(id)) return
    const approved = decision.decision === 'approved'
    this.#state = answered(this.#state, id, approved)
    channel.respond(
      id,
      approved
        ? { behavior: 'allow', updatedInput: call.input, toolUseID: call.id }
        : { behavior: 'deny', message: decision.reason, toolUseID: call.id },
    )
    // In the same turn of the event loop as the answer, so that nothing the call does can be observed before it.
    if (approved) await this.#observe([{ kind: 'call.started', id: call.id }])
  }

  async #answer({ id, request }: Request, question: Question): Promise<void> {
    const { channel, host } = this.#options
    const answer = await host.answer(question)
    if (!this.#waits(id)) return
    this.#state = answered(this.#state, id, answer.outcome === 'accept')
    const native = toNativeRequest(request)
    channel.respond(id, native?.subtype === 'can_use_tool' ? toToolAnswer(native.input, answer) : toServerAnswer(answer))
  }

  #waits(request: string): boolean {
    return !this.#options.host.signal.aborted && this.#state.end === null && isOpen(this.#state, request)
  }
}

/** Answers a request that nobody is asked about. */
export function answerAtOnce(channel: Channel, { id, request }: Request): void {
  const native = toNativeRequest(request)
  switch (native?.subtype) {
    case 'hook_callback':
      return channel.respond(id, toHookAnswer(native))
    case 'can_use_tool':
      return channel.respond(id, { behavior: 'deny', message: 'No task is running.' })
    case 'elicitation':
      return channel.respond(id, { action: 'decline' })
    case undefined:
      return channel.refuse(id, 'not supported')
    default:
      return native satisfies never
  }
}

function toHookAnswer({ input }: NativeRequestOf<'hook_callback'>): object {
  return { hookSpecificOutput: { hookEventName: 'PreToolUse', permissionDecision: toHookDecision(input.tool_name) } }
}

/** A person should see what an edit makes of the file as it is. One outside is read by nobody because an agent names it. */
async function withFile(call: NativeCall, cwd: string): Promise<NativeCall> {
  const file = toEditedFile(call)
  if (file === null) return call
  const before = await readTextFile(cwd, file, maxDiffedBytes)
  return before === null ? call : withContent(call, before, cwd)
}
