import type { CallIdentity, TaskState, ToolCallState, ConfinementDenial } from '@codesdkd/protocol'
import { DENIAL_LIMIT } from './denials.ts'

/** So many different refusals are told by themselves in one task. */
const TOLD_LIMIT = 200

/** What the wall refused while calls ran, kept until they end; of one task. */
export interface Refusals {
  /**
   * Puts a refusal to all calls that run: nobody can tell which of them it was. False when none runs: then it waits for the next call
   * that ends, since the wall may be sooner to tell than an agent that has yet to say what it runs. Whoever kept it settles it.
   */
  keep(task: TaskState | undefined, denial: ConfinementDenial): boolean
  /** Ends the wait of a refusal. True when no call took it, and the same was not told before: then it has to be told by itself. */
  settle(task: TaskState | undefined, denial: ConfinementDenial): boolean
  /** What was refused while this call ran, or waited for one; at most `DENIAL_LIMIT`, in order. What waited is its own from now on. */
  of(call: ToolCallState): readonly ConfinementDenial[]
}

export function createRefusals(): Refusals {
  const byCall = new Map<string, readonly ConfinementDenial[]>()
  const waiting = new Map<string, ConfinementDenial>()
  const told = new Set<string>()
  const add = (task: TaskState | undefined, denial: ConfinementDenial): boolean => {
    const running = task === undefined ? [] : [...task.calls.values()].filter(runs)
    for (const call of running) byCall.set(toKey(call), mergeDenials(byCall.get(toKey(call)) ?? [], [denial]))
    return running.length > 0
  }
  return {
    keep(task, denial) {
      const about = toAbout(denial)
      if (add(task, denial) || waiting.has(about) || waiting.size >= TOLD_LIMIT) return true
      waiting.set(about, denial)
      return false
    },
    settle(task, denial) {
      const about = toAbout(denial)
      const known = !waiting.delete(about) || add(task, denial) || told.has(about) || told.size >= TOLD_LIMIT
      if (!known) told.add(about)
      return !known
    },
    of(call) {
      const kept = byCall.get(toKey(call)) ?? []
      if (call.call.gate !== undefined) return kept
      const all = mergeDenials([...waiting.values()], kept)
      waiting.clear()
      return all
    },
  }
}

/** Each target once, at most `DENIAL_LIMIT`; what came first counts. */
export function mergeDenials(...lists: readonly (readonly ConfinementDenial[])[]): readonly ConfinementDenial[] {
  const byTarget = new Map<string, ConfinementDenial>()
  for (const denial of lists.flat()) {
    const about = toAbout(denial)
    if (!byTarget.has(about) && byTarget.size < DENIAL_LIMIT) byTarget.set(about, denial)
  }
  return [...byTarget.values()]
}

/** Not every agent says when an approved call begins. What the gate itself asks for is never run by the agent. */
function runs({ phase, call }: ToolCallState): boolean {
  return (phase === 'started' || phase === 'approved') && call.gate === undefined
}

const toAbout = ({ kind, target }: ConfinementDenial): string => `${kind} ${target}`

function toKey({ tool_call_id, attempt }: CallIdentity): string {
  return `${tool_call_id} ${attempt}`
}
