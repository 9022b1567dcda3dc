import { toReceipt, type Receipt } from '@codesdkd/protocol'
import type { Inputs } from './call-events.ts'
import { closeOpen, terminal } from './decide.ts'
import type { Draft, Journal } from './journal.ts'
import type { Planted } from './enclosure.ts'
import type { Outcome } from './ports.ts'

/** So many are told: as many as of everything else in a receipt. */
const PLANTED_LIMIT = 200

/** What is known of a task that ends, beside its own events. */
export interface Remains {
  /** What was shown of its open blocks, by their ids. */
  readonly texts: ReadonlyMap<string, string>
  /** Configuration that changed while it ran. */
  readonly planted?: readonly Planted[]
}

/** What ends a task: everything open is closed, then the terminal event with the receipt. One atomic change. */
export function endOf(
  journal: Journal,
  taskId: string,
  outcome: Outcome,
  { texts, planted = [] }: Remains,
  inputs: Inputs,
): readonly Draft[] {
  const task = journal.state.tasks.get(taskId)
  if (task === undefined) return []
  return [
    ...closeOpen(task, outcome.reason, texts, inputs),
    (state, time) => terminal(taskId, outcome, withPlanted(toReceipt(state.tasks.get(taskId) ?? task, time), planted)),
  ]
}

function withPlanted(receipt: Receipt, planted: readonly Planted[]): Receipt {
  return planted.length === 0 ? receipt : { ...receipt, planted_configuration: planted.slice(0, PLANTED_LIMIT) }
}
