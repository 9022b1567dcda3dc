import type { CallIdentity, TaskState, ToolCallState } from '@codesdkd/protocol'
import { DENIAL_LIMIT } from './denials.ts'
import type { ConfinementDenial } from './ports.ts'

/** So many different refusals are told by themselves in one task. */
const TOLD_LIMIT = 200

/** What the wall refused while calls ran, kept until they end; of one task. */
export interface Refusals {
  /**
   * Puts a refusal to all calls that run: nobody can tell which of them it was. False when none runs and the same was not told
   * before: then it has to be told by itself.
   */
  keep(task: TaskState | undefined, denial: ConfinementDenial): boolean
  /** What was refused while this attempt ran; at most `DENIAL_LIMIT`, in order. */
  of(call: CallIdentity): readonly ConfinementDenial[]
}

export function createRefusals(): Refusals {
  const byCall = new Map<string, readonly ConfinementDenial[]>()
  const told = new Set<string>()
  return {
    keep(task, denial) {
      const running = task === undefined ? [] : [...task.calls.values()].filter(runs)
      for (const call of running) byCall.set(toKey(call), mergeDenials(byCall.get(toKey(call)) ?? [], [denial]))
      const about = `${denial.kind} ${denial.target}`
      const known = running.length > 0 || told.has(about) || told.size >= TOLD_LIMIT
      if (!known) told.add(about)
      return known
    },
    of: (call) => byCall.get(toKey(call)) ?? [],
  }
}

/** Each target once, at most `DENIAL_LIMIT`; what came first counts. */
export function mergeDenials(...lists: readonly (readonly ConfinementDenial[])[]): readonly ConfinementDenial[] {
  const byTarget = new Map<string, ConfinementDenial>()
  for (const denial of lists.flat()) {
    const about = `${denial.kind} ${denial.target}`
    if (!byTarget.has(about) && byTarget.size < DENIAL_LIMIT) byTarget.set(about, denial)
  }
  return [...byTarget.values()]
}

/** Not every agent says when an approved call begins. What the gate itself asks for is never run by the agent. */
function runs({ phase, call }: ToolCallState): boolean {
  return (phase === 'started' || phase === 'approved') && call.gate === undefined
}

function toKey({ tool_call_id, attempt }: CallIdentity): string {
  return `${tool_call_id} ${attempt}`
}
