import type { Event, EventOf } from '@codesdkd/protocol'
import { toSafeLine, toSafeText } from './safe-text.ts'
import type { Screen } from './screen.ts'

/** Lines of a result that are shown. */
const LINES = 8

/** Tells events as a person reads them: what the agent writes as it writes it, what it does in a line or two. */
export interface Story {
  tell(event: Event): void
}

export function createStory(screen: Screen): Story {
  const { style } = screen
  /** Blocks whose deltas were shown; the last of them is the one that is being written. */
  const written = new Set<string>()
  let writing: string | null = null

  function leave(): void {
    if (writing !== null) screen.end()
    writing = null
  }
  function say(text: string): void {
    leave()
    screen.line(text)
  }

  function delta({ payload: { kind, block_id, delta: text } }: EventOf<'model.output.delta'>): void {
    if (kind === 'json_delta' || kind === 'unknown_delta') return
    if (writing !== block_id) leave()
    writing = block_id
    written.add(block_id)
    screen.write(kind === 'reasoning_delta' ? style('dim', toSafeText(text)) : toSafeText(text))
  }

  function completed({ payload: { block_id, content } }: EventOf<'model.output.completed'>): void {
    if (block_id !== undefined && written.has(block_id)) return leave()
    for (const block of content) {
      if (block.type === 'text') say(toSafeText(block.text))
      else if (block.type === 'reasoning') say(style('dim', toSafeText(block.text)))
      else if (block.type === 'code') say(toSafeText(block.code))
    }
  }

  function result({ payload }: EventOf<'tool.call.completed'>): void {
    const { is_error, exit_code, result_preview, confinement_denials = [] } = payload
    const all = toSafeText(result_preview).trimEnd().split('\n')
    const lines = all.length > LINES ? [`… ${all.length - LINES} lines before`, ...all.slice(-LINES)] : all
    const bad = is_error || (exit_code ?? 0) !== 0
    if (lines.join('') !== '') say(style('dim', lines.map((line) => `  │ ${line}`).join('\n')))
    if (bad) say(style('red', `  └ ${exit_code == null ? 'failed' : `exit ${exit_code}`}`))
    for (const { target, reason } of confinement_denials)
      say(style('yellow', `  └ the sandbox refused ${toSafeLine(target)}: ${toSafeLine(reason)}`))
  }

  function plan({ payload: { entries } }: EventOf<'plan.updated'>): void {
    const marks = { pending: '○', in_progress: '◐', completed: '●' } as const
    say(style('dim', entries.map(({ text, status }) => `  ${marks[status]} ${toSafeLine(text)}`).join('\n')))
  }

  return {
    tell(event) {
      switch (event.type) {
        case 'model.output.delta':
          return delta(event)
        case 'model.output.discarded':
          written.delete(event.payload.block_id)
          return say(style('dim', '  (the agent begins this anew)'))
        case 'model.output.completed':
          return completed(event)
        case 'plan.updated':
          return plan(event)
        case 'tool.call.requested':
          return say(`${style('cyan', '▸')} ${style('bold', event.payload.kind)}  ${toSafeLine(event.payload.title)}`)
        case 'tool.call.denied':
          return say(style('yellow', `  └ denied by ${event.payload.decided_by}${toReason(event.payload.reason)}`))
        case 'tool.call.completed':
          return result(event)
        case 'file.changed':
          return say(style('green', `  ${event.payload.change}  ${toSafeLine(event.payload.path)}`))
        case 'question.asked':
          return say(`${style('cyan', '?')} ${toSafeText(event.payload.title)}`)
        case 'runtime.notice':
          return event.payload.level === 'info' ? undefined : say(style('yellow', `! ${toSafeText(event.payload.message)}`))
        case 'task.completed':
        case 'task.failed':
        case 'task.stopped':
          return leave()
        default:
          return undefined
      }
    },
  }
}

function toReason(reason: string | undefined): string {
  return reason === undefined || reason === '' ? '' : `: ${toSafeLine(reason)}`
}
