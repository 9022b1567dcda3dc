import { toReceipt } from '@codesdkd/protocol'
import type { Inputs } from './call-events.ts'
import { closeOpen, terminal } from './decide.ts'
import type { Draft, Journal } from './journal.ts'
import type { Outcome } from './ports.ts'

/** What ends a task: everything open is closed, then the terminal event with the receipt. One atomic change. */
export function endOf(
  journal: Journal,
  taskId: string,
  outcome: Outcome,
  texts: ReadonlyMap<string, string>,
  inputs: Inputs,
): readonly Draft[] {
  const task = journal.state.tasks.get(taskId)
  if (task === undefined) return []
  return [
    ...closeOpen(task, outcome.reason, texts, inputs),
    (state, time) => terminal(taskId, outcome, toReceipt(state.tasks.get(taskId) ?? task, time)),
  ]
}
