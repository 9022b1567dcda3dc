import {
  findCall,
  Problem,
  type TaskState,
  type ToolCallState,
  type ToolDefinition,
  type ToolKind,
  type ToolOutputRequest,
  type ToolPermission,
  type ToolResultRequest,
} from '@codesdkd/protocol'
import { bound } from './bounds.ts'
import type { Inputs, Verdict } from './call-events.ts'
import { denyPending, observe, openTask } from './decide.ts'
import type { Draft, Journal } from './journal.ts'
import type { PatientStore } from './patient-store.ts'
import type { Clock } from './ports.ts'
import type { Decision, NativeCall, Observation, ToolAnswer, ToolHost } from './task-host.ts'
import type { CheckSchema, Tool, ToolOutcome, ToolRun } from './tools.ts'

export interface OwnedCallsOptions {
  readonly journal: Journal
  readonly taskId: string
  readonly inputs: Inputs
  readonly clock: Clock
  readonly tools: readonly Tool[]
  readonly checkSchema: CheckSchema
  readonly stored: PatientStore
  /** Puts a call to policy and to a person. */
  readonly ask: (call: NativeCall, known?: Verdict) => Promise<Decision>
  /** Puts a question of a tool to the person. */
  readonly askPerson: ToolRun['ask']
  /** Commits, and lets what waits look again. */
  readonly record: (drafts: readonly Draft[], durability: 'lazy' | 'synced') => Promise<void>
  readonly report: (error: unknown) => void
}

/** A call that has started. */
interface Running {
  readonly tool: Tool
  /** False: it has ended otherwise. */
  readonly settle: (outcome: ToolOutcome) => boolean
  /** Resolves when the result is on disk. */
  readonly done: Promise<unknown>
  /** Of a result that the host gave: its hash. */
  given: string | null
}

const kinds: Record<ToolPermission, ToolKind> = { 'read-only': 'read', write: 'other', network: 'fetch', dangerous: 'other' }

/** Calls of tools that the agent of one task does not run itself: decided as any call, run by the daemon or by its host. */
export class OwnedCalls implements ToolHost {
  readonly #options: OwnedCallsOptions
  readonly #tools: ReadonlyMap<string, Tool>
  /** By the id of the call; those that have ended too, so that a host may repeat itself. */
  readonly #running = new Map<string, Running>()
  readonly #open = new Set<Promise<ToolAnswer>>()
  readonly #end = new AbortController()

  constructor(options: OwnedCallsOptions) {
    this.#options = options
    this.#tools = new Map(options.tools.map((tool) => [tool.name, tool]))
  }

  get definitions(): readonly ToolDefinition[] {
    return this.#options.tools.map(({ run: _run, ...definition }) => definition)
  }

  call(name: string, input: unknown, signal: AbortSignal): Promise<ToolAnswer> {
    if (this.#end.signal.aborted) return Promise.resolve(toFailure('The task is ending.'))
    const answer = this.#call(name, input, AbortSignal.any([signal, this.#end.signal])).catch((error: unknown) => {
      this.#options.report(error)
      return toFailure('The daemon could not run the tool; its log says why.')
    })
    this.#open.add(answer)
    void answer.finally(() => this.#open.delete(answer))
    return answer
  }

  /** Cancels what runs, and resolves when all of it has ended. Later calls fail. */
  async close(reason: string): Promise<void> {
    this.#end.abort(new Error(reason))
    await Promise.all(this.#open)
  }

  /** The host's result: the first that fits stands, the same again is fine. Resolves when it is on disk. Throws the problems of the contract. */
  async give(toolCallId: string, { attempt, input_hash, result, is_error }: ToolResultRequest): Promise<void> {
    const running = this.#hosted(toolCallId, { attempt, input_hash })
    const hash = this.#options.inputs.contentHash({ result, is_error })
    if (running.given === null && !is_error) await this.#checkResult(running.tool, result)
    if (running.given === null) {
      if (!running.settle({ result, isError: is_error })) throw notRunning()
      running.given = hash
    } else if (running.given !== hash) throw new Problem('tool_result_exists', 'The call already has another result.')
    await running.done
  }

  /** Output of a call that the host runs. Throws the problems of the contract. */
  async write(toolCallId: string, { attempt, input_hash, stream, delta }: ToolOutputRequest): Promise<void> {
    const { given } = this.#hosted(toolCallId, { attempt, input_hash })
    const call = this.#find(toolCallId)
    if (given !== null || call?.phase !== 'started' || call.runtime_tool_call_id === undefined) throw notRunning()
    await this.#observe({ kind: 'call.output', id: call.runtime_tool_call_id, stream, delta }, 'lazy')
  }

  async #call(name: string, input: unknown, signal: AbortSignal): Promise<ToolAnswer> {
    const tool = this.#tools.get(name)
    if (tool === undefined) return toFailure(`There is no tool ${name}.`)
    const { newId } = this.#options.inputs
    const call: NativeCall = {
      id: `codesdkd-${newId()}`,
      name,
      kind: kinds[tool.permission],
      title: tool.title ?? name,
      input,
      permission: tool.permission,
      executed_by: tool.run === null ? 'host' : 'codesdk',
    }
    const decision = await this.#decide(tool, call, signal)
    return decision.decision === 'approved' ? await this.#run(tool, call, signal) : toFailure(`Not run: ${decision.reason}`)
  }

  async #decide(tool: Tool, call: NativeCall, signal: AbortSignal): Promise<Decision> {
    const faults = await this.#options.checkSchema(tool.input_schema, call.input)
    const reason = `The input does not fit the schema of ${call.name}: ${faults.join('; ')}.`
    const abandon = () => this.#abandon(call.id)
    signal.addEventListener('abort', abandon, { once: true })
    try {
      return await this.#options.ask(call, faults.length === 0 ? undefined : { result: 'deny', rule: 'invalid_input', reason })
    } finally {
      signal.removeEventListener('abort', abandon)
    }
  }

  /** Nobody waits for this decision any more. */
  #abandon(nativeId: string): void {
    const { record, inputs } = this.#options
    const task = this.#task()
    const call = findNative(task, nativeId)
    if (task !== undefined && call !== undefined) void record(denyPending(task, 'abandoned by the agent', inputs, call), 'synced')
  }

  async #run(tool: Tool, { id, input }: NativeCall, ended: AbortSignal): Promise<ToolAnswer> {
    const { clock, journal, askPerson } = this.#options
    const signal = AbortSignal.any([ended, AbortSignal.timeout(tool.timeout_ms)])
    const host = awaitHost(signal)
    const done = Promise.withResolvers<void>()
    const began = clock.monotonic()
    const call = findNative(this.#task(), id)
    if (call === undefined) return toFailure('The task has ended.')
    this.#running.set(call.tool_call_id, { tool, settle: host.settle, done: done.promise, given: null })
    await this.#observe({ kind: 'call.started', id }, 'lazy')
    const { sessionId, cwd } = journal.record
    const output = (stream: 'stdout' | 'stderr' | 'output', delta: string) =>
      void this.#observe({ kind: 'call.output', id, stream, delta }, 'lazy')
    const outcome = await (tool.run === null
      ? host.outcome
      : tool.run({ sessionId, cwd, input, signal, output, ask: askPerson }).catch((error: unknown) => toFailed(error, signal)))
    const checked = tool.run === null || outcome.isError ? outcome : await this.#checkOwn(tool, outcome)
    const text = toText(checked.result)
    await this.#observe(
      {
        kind: 'call.completed',
        id,
        result: {
          output: text,
          isError: checked.isError,
          ...(checked.exitCode === undefined ? {} : { exitCode: checked.exitCode }),
          durationMs: Math.round(clock.monotonic() - began),
          executionEnv: 'host',
        },
      },
      'synced',
    )
    done.resolve()
    const structured =
      !checked.isError && tool.output_schema !== undefined && isObject(checked.result) ? { structured: checked.result } : {}
    return { text, isError: checked.isError, ...structured }
  }

  async #observe(
    observation: Exclude<Observation, { kind: 'call.asked' | 'question.asked' }>,
    durability: 'lazy' | 'synced',
  ): Promise<void> {
    const { journal, taskId, inputs, stored, record } = this.#options
    const made = stored((store) => bound(observation, store))
    for (const one of made instanceof Promise ? await made : made) await record(observe(journal.state, taskId, one, inputs), durability)
  }

  async #checkResult(tool: Tool, result: unknown): Promise<void> {
    if (tool.output_schema === undefined) return
    const faults = await this.#options.checkSchema(tool.output_schema, result)
    if (faults.length === 0) return
    throw new Problem('invalid_tool_result', `The result does not fit the output_schema of ${tool.name}: ${faults.join('; ')}.`, {
      members: { faults, expected: tool.output_schema },
    })
  }

  /** What the daemon's own tool says wrongly is a failure of the tool. */
  async #checkOwn(tool: Tool, outcome: ToolOutcome): Promise<ToolOutcome> {
    try {
      await this.#checkResult(tool, outcome.result)
      return outcome
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      return { ...outcome, result: error.message, isError: true }
    }
  }

  #task(): TaskState | undefined {
    return openTask(this.#options.journal.state, this.#options.taskId)
  }

  #find(toolCallId: string): ToolCallState | undefined {
    const task = this.#task()
    return task === undefined ? undefined : findCall(task, toolCallId)
  }

  #hosted(toolCallId: string, wish: { readonly attempt: number; readonly input_hash: string }): Running {
    const call = this.#find(toolCallId)
    const running = this.#running.get(toolCallId)
    if (call === undefined || running === undefined || running.tool.run !== null) throw notRunning()
    checkIdentity(call, wish)
    return running
  }
}

function checkIdentity(call: ToolCallState, wish: { readonly attempt: number; readonly input_hash: string }): void {
  if (wish.attempt !== call.attempt)
    throw new Problem('attempt_mismatch', 'The result names another attempt than the one that runs.', {
      members: { expected: call.attempt },
    })
  if (wish.input_hash !== call.input_hash)
    throw new Problem('input_hash_mismatch', 'The result names another input than the one that runs.', {
      members: { expected: call.input_hash },
    })
}

function notRunning(): Problem {
  return new Problem('tool_call_not_running', 'No call with this id waits for a result of the host.')
}

function findNative(task: TaskState | undefined, nativeId: string): ToolCallState | undefined {
  return [...(task?.calls.values() ?? [])].find(({ runtime_tool_call_id }) => runtime_tool_call_id === nativeId)
}

/** What the host gives, or what stops the call: whichever comes first. */
function awaitHost(signal: AbortSignal): { outcome: Promise<ToolOutcome>; settle: Running['settle'] } {
  const { promise: outcome, resolve } = Promise.withResolvers<ToolOutcome>()
  let waits = true
  const settle = (given: ToolOutcome) => {
    if (!waits) return false
    waits = false
    resolve(given)
    return true
  }
  const stop = () => void settle(toFailed(signal.reason, signal))
  if (signal.aborted) stop()
  else signal.addEventListener('abort', stop, { once: true })
  return { outcome, settle }
}

function toFailed(error: unknown, signal: AbortSignal): ToolOutcome {
  const failed = error instanceof Error ? error.message : String(error)
  return { result: signal.aborted ? toReason(signal) : failed, isError: true }
}

function toReason({ reason }: AbortSignal): string {
  if (reason instanceof DOMException && reason.name === 'TimeoutError') return 'The tool did not answer within its time limit.'
  return `The call was cancelled: ${reason instanceof Error ? reason.message : String(reason)}`
}

function toFailure(text: string): ToolAnswer {
  return { text, isError: true }
}

function toText(result: unknown): string {
  return typeof result === 'string' ? result : (JSON.stringify(result) ?? 'null')
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
