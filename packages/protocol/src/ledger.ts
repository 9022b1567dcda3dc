import type { Event, Payload } from './event.ts'
import type { Receipt } from './task.ts'
import { addUsage, type Usage } from './usage.ts'

const LIST_LIMIT = 200

export type Clock = 'queued' | 'human' | 'tool' | 'model'

/** What a task's receipt is made of, kept up event by event so that a receipt costs nothing at the end. */
export interface Ledger {
  /** Of the last event, as it states it. */
  readonly time: string
  /** The same in milliseconds. */
  readonly at: number
  readonly begun: number
  readonly spent: Readonly<Record<Clock, number>>
  readonly files: ReadonlyMap<string, string>
  readonly files_total: number
  readonly commands: Receipt['commands']
  readonly commands_total: number
  /** Of commands that are open, and whether each was seen to begin. */
  readonly titles: ReadonlyMap<string, { readonly title: string; readonly begun: boolean }>
  readonly approvals: Receipt['approvals']
  readonly call_usage: Usage | null
  readonly task_usage: Usage | null
  readonly usage: Usage | null
  readonly model_calls: NonNullable<Receipt['model_calls']>
}

export function emptyLedger(time: string): Ledger {
  const at = Date.parse(time)
  return {
    time,
    at,
    begun: at,
    spent: { queued: 0, human: 0, tool: 0, model: 0 },
    files: new Map(),
    files_total: 0,
    commands: [],
    commands_total: 0,
    titles: new Map(),
    approvals: { approved: 0, denied: 0, by_user: 0, by_policy: 0, by_runtime: 0, by_daemon: 0 },
    call_usage: null,
    task_usage: null,
    usage: null,
    model_calls: { total: 0, failed: 0, usage: null },
  }
}

/** Adds one event; the time since the event before goes to the clock that ran. A clock that goes back counts nothing. */
export function addReceiptEvent(ledger: Ledger, event: Event, running: Clock): Ledger {
  const timed = advance(ledger, event.time, running)
  switch (event.type) {
    case 'file.changed': {
      const known = timed.files.has(event.payload.path)
      const room = known || timed.files.size < LIST_LIMIT
      return {
        ...timed,
        files: room ? new Map(timed.files).set(event.payload.path, event.payload.change) : timed.files,
        files_total: timed.files_total + (known ? 0 : 1),
      }
    }
    case 'tool.call.requested':
      return event.payload.kind === 'execute'
        ? { ...timed, titles: new Map(timed.titles).set(event.payload.tool_call_id, { title: event.payload.title, begun: false }) }
        : timed
    case 'tool.call.started': {
      const known = timed.titles.get(event.payload.tool_call_id)
      return known === undefined
        ? timed
        : { ...timed, titles: new Map(timed.titles).set(event.payload.tool_call_id, { ...known, begun: true }) }
    }
    case 'tool.call.completed': {
      const known = timed.titles.get(event.payload.tool_call_id)
      if (known === undefined) return timed
      const titles = without(timed.titles, event.payload.tool_call_id)
      if (!known.begun) return { ...timed, titles }
      const { title } = known
      const { tool_call_id, exit_code = null, is_error } = event.payload
      const commands =
        timed.commands.length < LIST_LIMIT ? [...timed.commands, { tool_call_id, title, exit_code, is_error }] : timed.commands
      return { ...timed, titles, commands, commands_total: timed.commands_total + 1 }
    }
    case 'tool.call.approved':
    case 'tool.call.denied': {
      const { approvals } = timed
      const outcome = event.type === 'tool.call.approved' ? 'approved' : 'denied'
      const by = `by_${event.payload.decided_by}` as const
      // What was denied never completes: nobody will ask for its title.
      const titles = outcome === 'denied' ? without(timed.titles, event.payload.tool_call_id) : timed.titles
      return { ...timed, titles, approvals: { ...approvals, [outcome]: approvals[outcome] + 1, [by]: approvals[by] + 1 } }
    }
    case 'usage.reported': {
      const { scope, context_window: _window, ...reported } = event.payload
      const call_usage = scope === 'call' ? addUsage(timed.call_usage, reported) : timed.call_usage
      const task_usage = scope === 'task' ? reported : timed.task_usage
      return { ...timed, call_usage, task_usage, usage: task_usage ?? call_usage }
    }
    case 'runtime.request.completed':
      return { ...timed, model_calls: addModelCall(timed.model_calls, event.payload) }
    default:
      return timed
  }
}

function without<Value>(map: ReadonlyMap<string, Value>, key: string): ReadonlyMap<string, Value> {
  if (!map.has(key)) return map
  const copy = new Map(map)
  copy.delete(key)
  return copy
}

/** What came from no gateway has no status, and counts as answered. */
function addModelCall(calls: Ledger['model_calls'], { status, usage }: Payload<'runtime.request.completed'>): Ledger['model_calls'] {
  const failed = status === null || (status !== undefined && status >= 400)
  return {
    total: calls.total + 1,
    failed: calls.failed + (failed ? 1 : 0),
    usage: usage == null ? calls.usage : addUsage(calls.usage, usage),
  }
}

/** The receipt as of `time`. */
export function closeTime(ledger: Ledger, time: string, running: Clock, startedAt: string | null): Receipt {
  const { spent, ...rest } = advance(ledger, time, running)
  const cost = rest.usage?.cost_usd ?? null
  return {
    files_changed: [...rest.files].map(([path, change]) => ({ path, change })),
    files_changed_total: rest.files_total,
    commands: rest.commands,
    commands_total: rest.commands_total,
    approvals: rest.approvals,
    usage: rest.usage,
    ...(rest.model_calls.total === 0 ? {} : { model_calls: rest.model_calls }),
    cost_usd: cost,
    time_ms: {
      total: spent.queued + spent.model + spent.tool + spent.human,
      model: startedAt === null ? 0 : spent.model,
      tool: spent.tool,
      waiting_for_human: spent.human,
      queued: spent.queued,
    },
  }
}

function advance(ledger: Ledger, time: string, running: Clock): Ledger {
  // In a flood most events are of the same millisecond as the one before.
  if (time === ledger.time) return ledger
  const at = Date.parse(time)
  const elapsed = Math.max(0, at - ledger.at)
  if (elapsed === 0) return { ...ledger, time, at }
  return { ...ledger, time, at, spent: { ...ledger.spent, [running]: ledger.spent[running] + elapsed } }
}
