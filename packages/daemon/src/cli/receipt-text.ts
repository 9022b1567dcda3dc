import type { TaskResult } from '@codesdkd/client'
import { toSafeLine } from './safe-text.ts'
import type { Screen } from './screen.ts'

/** How a task ended, and what it did, in a few lines. */
export function toReceiptText(
  {
    status,
    reason,
    error,
    receipt,
    task_id,
    session_id,
  }: Pick<TaskResult, 'status' | 'reason' | 'error' | 'receipt' | 'task_id' | 'session_id'>,
  style: Screen['style'],
): string {
  const { files_changed, files_changed_total, commands_total, commands, approvals, usage, cost_usd, time_ms, planted_configuration } =
    receipt
  const failed = commands.filter(({ is_error, exit_code }) => is_error || (exit_code ?? 0) !== 0).length
  const colour = status === 'completed' ? 'green' : status === 'failed' ? 'red' : 'yellow'
  const why = error === null ? (reason === status ? '' : ` (${toSafeLine(reason)})`) : `: ${toSafeLine(error.message)} (${error.code})`
  const rows = [
    ['files', files_changed_total === 0 ? 'none changed' : `${files_changed_total} changed: ${toNames(files_changed)}`],
    ['commands', `${commands_total}${failed === 0 ? '' : `, ${failed} failed`}`],
    ['approvals', `${approvals.approved} approved (${approvals.by_user} of all by a person), ${approvals.denied} denied`],
    ['tokens', usage === null ? 'unknown' : `${usage.input_tokens ?? '?'} in, ${usage.output_tokens ?? '?'} out${toCost(cost_usd)}`],
    [
      'time',
      `${toSeconds(time_ms.total)}: model ${toSeconds(time_ms.model)}, tools ${toSeconds(time_ms.tool)}, person ${toSeconds(time_ms.waiting_for_human)}`,
    ],
    ...(planted_configuration === undefined || planted_configuration.length === 0
      ? []
      : [['look at', `${toNames(planted_configuration)}: other programs obey these files`]]),
    ['session', `${session_id}, task ${task_id}`],
  ]
  return [
    style([colour, 'bold'], `${status}${why}`),
    ...rows.map(([name = '', text = '']) => `  ${style('dim', name.padEnd(10))}${text}`),
  ].join('\n')
}

function toNames(files: readonly { readonly path: string }[]): string {
  const names = files.slice(0, 5).map(({ path }) => toSafeLine(path))
  return files.length > names.length ? `${names.join(', ')} …` : names.join(', ')
}

function toCost(cost: number | null): string {
  return cost === null ? '' : `, $${cost.toFixed(4)}`
}

function toSeconds(milliseconds: number): string {
  return `${(milliseconds / 1_000).toFixed(1)} s`
}
