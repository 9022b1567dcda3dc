import { addUsage } from '@codesdkd/protocol'
import type { NativeOf } from './native.ts'
import { without } from './state.ts'
import type { ClaudeState, Mapped } from './state.ts'
import { toReport, toTurnUsage } from './usage.ts'

/**
 * What is sent while a turn runs joins it where the agent next hears of a tool's result. Where none comes any more, the agent ends the turn
 * and takes what waits as another one, unasked: for the daemon both are one.
 */
export function steered(state: ClaudeState, uuid: string): ClaudeState {
  return { ...state, steered: new Map(state.steered).set(uuid, 'waiting') }
}

/** The agent has ended a turn: ours, unless something that was sent meanwhile still waits. */
export function endTurn(before: ClaudeState, result: NativeOf<'result'>): Mapped {
  const prompt = result.user_message_uuid ?? before.prompt
  const known = prompt === before.prompt || before.steered.has(prompt)
  // The end of a turn that nobody asked for, or of an earlier one.
  if (result.origin != null || !known) return [before, []]
  const state = before.steered.has(prompt) ? heard(before, prompt) : before
  const end = { kind: 'result', result, error: state.error } as const
  const told = toTurnUsage(result)
  const usage = told === null ? state.usage : addUsage(state.usage, told)
  const report = told === null ? [] : toReport('task', usage)
  return [waits(state) ? { ...state, usage, held: end, error: null } : { ...state, usage, end }, report]
}

/** What the agent says of the prompts that it was sent. */
export function mapLifecycle(state: ClaudeState, { command_uuid, state: phase }: NativeOf<'command_lifecycle'>): ClaudeState {
  if (command_uuid === state.prompt) return phase === 'cancelled' ? { ...state, end: { kind: 'cancelled' } } : state
  if (!state.steered.has(command_uuid)) return state
  if (phase === 'started') return { ...heard(state, command_uuid), held: null }
  if (phase !== 'cancelled') return state
  const rest = { ...state, steered: without(state.steered, command_uuid) }
  return waits(rest) ? rest : { ...rest, end: rest.held }
}

function heard(state: ClaudeState, uuid: string): ClaudeState {
  return { ...state, steered: new Map(state.steered).set(uuid, 'heard') }
}

function waits({ steered: sent }: ClaudeState): boolean {
  return [...sent.values()].includes('waiting')
}
