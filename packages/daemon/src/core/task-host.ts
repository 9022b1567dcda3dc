import type { EventType, NewEvent, Remember, ToolCall, ToolDefinition, ConfinementDenial } from '@codesdkd/protocol'
import type { Wait } from './wait.ts'

/** Event types that pass through from a runtime as they are. All others are made by the daemon alone. */
export const passThrough = [
  'model.output.delta',
  'model.output.discarded',
  'model.output.completed',
  'plan.updated',
  'runtime.request.started',
  'runtime.request.completed',
  'file.changed',
  'usage.reported',
  'runtime.notice',
] as const satisfies readonly EventType[]
export type PassThroughType = (typeof passThrough)[number]

/** A native call as the mapper sees it. `id` is the agent's own id, unique within the task. */
export interface NativeCall extends ToolCall {
  readonly id: string
}

/** What the agent wants to know of the person. */
export interface Question {
  /** The question itself, in plain text. */
  readonly title: string
  /** JSON Schema that the content of an answer fits: an object whose properties are strings, numbers, booleans, or lists of choices. */
  readonly schema: Readonly<Record<string, unknown>>
}

/**
 * What a mapper makes of the agent's messages. Pure data, so that golden fixtures cover all of it.
 * - `event`: something that needs no decision. `file.changed`/deltas may carry the NATIVE tool call id in `tool_call_id`; the daemon replaces it.
 * - `call.asked`, `question.asked`: the agent waits for `reply`; the driver passes it to `TaskHost.ask` or `TaskHost.answer`.
 * - `call.unasked`: the agent runs the call by its own rules and asks nobody.
 * - `call.completed`: the result. Exactly one per call.
 */
export type Observation =
  | { readonly kind: 'event'; readonly event: Extract<NewEvent, { type: PassThroughType }> }
  | Asked
  | { readonly kind: 'call.unasked'; readonly call: NativeCall; readonly rule: string }
  | { readonly kind: 'call.started'; readonly id: string }
  | { readonly kind: 'call.output'; readonly id: string; readonly stream: 'stdout' | 'stderr' | 'output'; readonly delta: string }
  | { readonly kind: 'call.completed'; readonly id: string; readonly result: CallResult }
  | { readonly kind: 'runtime_session'; readonly id: string }
  /** The wall refused something; shown with the calls that run. Only an enclosure tells it. */
  | { readonly kind: 'refused'; readonly denial: ConfinementDenial }

/** What waits for somebody's answer. */
export type Asked =
  | { readonly kind: 'call.asked'; readonly call: NativeCall; readonly reply: string | number }
  | { readonly kind: 'question.asked'; readonly question: Question; readonly reply: string | number }

/** True for what the driver passes on by itself; it is no part of what is observed. */
export function isAsked(observation: Observation): observation is Asked {
  return observation.kind === 'call.asked' || observation.kind === 'question.asked'
}

/** What the model hears of a tool that the agent does not run itself. */
export interface ToolAnswer {
  readonly text: string
  /** The result as a value, where the tool has a schema for it. */
  readonly structured?: Readonly<Record<string, unknown>>
  readonly isError: boolean
}

export interface CallResult {
  /** The whole output as text; the daemon cuts the preview and stores the rest as an artifact. */
  readonly output: string
  readonly isError: boolean
  readonly exitCode?: number | null
  readonly durationMs: number | null
  readonly executionEnv: 'sandbox' | 'host' | 'unknown'
}

/** `remember`: for how long a person wants the decision about a connection to count; the task where it is not told. */
export type Decision =
  | { readonly decision: 'approved'; readonly remember?: Remember }
  | { readonly decision: 'denied'; readonly reason: string; readonly remember?: Remember }

/** `decline`: the person, or the policy in her place, does not answer; the agent hears the reason where it can. `cancel`: the task ends. */
export type Answer =
  | { readonly outcome: 'accept'; readonly content: Readonly<Record<string, unknown>> }
  | { readonly outcome: 'decline'; readonly reason: string }
  | { readonly outcome: 'cancel'; readonly reason: string }

/** Handed to a running task: the way from the agent into the session. */
export interface TaskHost {
  /** Aborted when the task is to stop; the runtime interrupts its agent and resolves. */
  readonly signal: AbortSignal
  /** Appends what was observed, in order. Await it before reading more from the agent: it resolves when there is room again, also for what is asked, which is the back-pressure: await it with nothing, too, before `ask`. Never rejects for bad observations. */
  observe(observations: readonly Observation[]): Wait
  /** Puts one call to policy and, if need be, to a person. Resolves after the decision is on disk. Never rejects; what ends the task denies it. */
  ask(call: NativeCall): Promise<Decision>
  /** Puts a question of the agent to the person. Resolves after the answer is on disk. Never rejects; what ends the task cancels it. */
  answer(question: Question): Promise<Answer>
}

/** Tools of a running task that are not its agent's own. */
export interface ToolHost {
  readonly definitions: readonly ToolDefinition[]
  /** Runs one: policy, person and log as for any call. Never rejects; `signal` ends the wait for it. */
  call(name: string, input: unknown, signal: AbortSignal): Promise<ToolAnswer>
}
