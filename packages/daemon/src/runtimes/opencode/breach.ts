import type { Observation } from '../../core/task-host.ts'
import { deniedCompleted } from '../acp/call-flow.ts'

/** Notices when the agent did something that it must have been asked about, and was not. */
export interface BreachWatch {
  /** True when one of these observations shows it. */
  sees(observations: readonly Observation[]): boolean
}

const effects: ReadonlySet<string> = new Set(['execute', 'edit', 'delete', 'move', 'fetch', 'other'])

/**
 * OpenCode asks about every command, every change, and every tool that is not its own. One that succeeded without a question, or although it was denied, was
 * answered by somebody else, or not held back at all. One that failed may have done so before its question came up.
 */
export function createBreachWatch(): BreachWatch {
  const unasked = new Set<string>()
  return {
    sees: (observations) =>
      observations.some((seen) => {
        if (seen.kind === 'call.unasked' && effects.has(seen.call.kind)) unasked.add(seen.call.id)
        if (seen.kind === 'event') return seen.event.type === 'runtime.notice' && seen.event.payload.kind === deniedCompleted
        return seen.kind === 'call.completed' && unasked.has(seen.id) && !seen.result.isError
      }),
  }
}
