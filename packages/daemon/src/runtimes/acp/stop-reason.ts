import type { Outcome } from '../../core/ports.ts'
import type { PromptResult } from './native.ts'
import { failed } from '../outcome.ts'

/** How a turn ended, by the agent's own reason. An agent that stops at a limit of its own has still ended its turn. */
export function toOutcome({ stopReason }: PromptResult): Outcome {
  if (stopReason === 'end_turn') return { status: 'completed', reason: 'completed' }
  if (stopReason !== 'cancelled') return { status: 'completed', reason: stopReason.slice(0, 100) }
  return failed({ code: 'agent_error', message: 'The agent cancelled its turn by itself.', retryable: true })
}
