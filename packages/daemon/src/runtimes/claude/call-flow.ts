import type { Payload } from '@codesdkd/protocol'
import * as z from 'zod'
import type { Observation } from '../../core/task-host.ts'
import { toCall, toFileChange, toResult, toText } from './calls.ts'
import type { NativeRequestOf, ToolResult, ToolUse } from './native.ts'
import { askPerson } from './questions.ts'
import { withCall, without } from './state.ts'
import type { CallState, ClaudeState, Mapped } from './state.ts'
import { event, notice } from '../observation.ts'

/** Tools that touch nothing but the model's own notes: nobody is asked about them. */
const notebooks: ReadonlySet<string> = new Set(['TodoWrite', 'ToolSearch'])

/** What the hook that sees every call before it runs answers: Claude Code's own rules never let one pass. */
export function toHookDecision(tool: string): 'allow' | 'ask' {
  return notebooks.has(tool) ? 'allow' : 'ask'
}

/** The model wants a tool. Whether Claude Code asks about it is not known yet. */
export function announce(state: ClaudeState, use: ToolUse): Mapped {
  return [state.calls.has(use.id) ? state : withCall(state, use.id, { use, phase: 'announced' }), []]
}

/** Claude Code asks for leave. */
export function ask(state: ClaudeState, request: string, { tool_name, tool_use_id, input }: NativeRequestOf<'can_use_tool'>): Mapped {
  // The input of the question is the one that will be executed.
  const use: ToolUse = { type: 'tool_use', id: tool_use_id, name: tool_name, input }
  const question = tool_name === 'AskUserQuestion' ? askPerson(request, input) : null
  const phase = question === null ? 'asked' : 'question'
  const next = { ...withCall(state, use.id, { use, phase }), requests: new Map(state.requests).set(request, use.id) }
  return [next, [question ?? { kind: 'call.asked', call: toCall(use, state.cwd), reply: request }]]
}

/** Takes note of the answer that a question gets. */
export function answered(state: ClaudeState, request: string, approved: boolean): ClaudeState {
  const call = openCall(state, request)
  const next = { ...state, requests: without(state.requests, request) }
  return call?.phase === 'asked' ? withCall(next, call.use.id, { ...call, phase: approved ? 'running' : 'declined' }) : next
}

/** Claude Code takes a question back: because of an interrupt, or because something else answered it. */
export function withdraw(state: ClaudeState, request: string): Mapped {
  const call = openCall(state, request)
  const next = { ...state, requests: without(state.requests, request) }
  return [call?.phase === 'asked' ? withCall(next, call.use.id, { ...call, phase: 'withdrawn' }) : next, []]
}

/** True while a question is not answered and not taken back. */
export function isOpen(state: ClaudeState, request: string): boolean {
  return state.requests.has(request)
}

function openCall(state: ClaudeState, request: string): CallState | undefined {
  return state.calls.get(state.requests.get(request) ?? '')
}

/** A call has its result. */
export function complete(before: ClaudeState, result: ToolResult, structured: unknown): Mapped {
  const call = before.calls.get(result.tool_use_id)
  const state = { ...before, calls: without(before.calls, result.tool_use_id) }
  if (call === undefined) return [state, []]
  switch (call.phase) {
    // What was declined did not run, and its denial is on record already; so is the answer to a question.
    case 'declined':
    case 'question':
      return [state, []]
    case 'running':
      return [state, ended(state, call.use, result, structured)]
    case 'asked':
    case 'withdrawn':
      return [state, result.is_error ? [] : [notice('warning', 'ran_undecided', `${call.use.name} ran although nobody had decided it.`)]]
    case 'announced':
      return [state, completeUnasked(state, call.use, result, structured)]
    default:
      return call.phase satisfies never
  }
}

function completeUnasked(state: ClaudeState, use: ToolUse, result: ToolResult, structured: unknown): readonly Observation[] {
  if (result.is_error) {
    const why = toText(result.content).replace(/^<tool_use_error>|<\/tool_use_error>$/g, '')
    return [notice('info', 'call_refused', `Claude did not run ${use.name}: ${why}`)]
  }
  if (use.name === 'TodoWrite') return toPlan(use.input)
  const rule = notebooks.has(use.name) ? 'claude:no_effect' : 'claude:not_asked'
  return [
    { kind: 'call.unasked', call: toCall(use, state.cwd), rule },
    { kind: 'call.started', id: use.id },
    ...ended(state, use, result, structured),
  ]
}

function ended(state: ClaudeState, use: ToolUse, result: ToolResult, structured: unknown): readonly Observation[] {
  const change = result.is_error ? null : toFileChange(use, structured, state.cwd)
  const changes = change === null ? [] : [event({ type: 'file.changed', payload: change })]
  return [...changes, { kind: 'call.completed', id: use.id, result: toResult(use, [result, structured], state.executionEnv) }]
}

const todo = z.object({ content: z.string(), status: z.enum(['pending', 'in_progress', 'completed']).catch('pending') })
const todos = z.object({ todos: z.array(todo) })

function toPlan(input: unknown): readonly Observation[] {
  const { data } = todos.safeParse(input)
  if (data === undefined) return []
  const entries: Payload<'plan.updated'>['entries'] = data.todos.map(({ content, status }) => ({ text: content, status }))
  return [event({ type: 'plan.updated', payload: { entries } })]
}
