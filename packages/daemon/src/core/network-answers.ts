import type { EventLog } from './ports.ts'
import type { Decision, NativeCall } from './task-host.ts'
import { toEvent } from './stored-event.ts'

/** So many of one kind are kept; more push out the oldest. */
const LIMIT = 1000

export interface Target {
  readonly host: string
  readonly port: number
}

/** What the gate asks when the agent wants to reach a host that nobody has allowed. */
export function toNetworkCall(id: string, { host, port }: Target): NativeCall {
  return { id, name: 'network', kind: 'fetch', title: `Connect to ${toKey({ host, port })}`, input: { host, port }, gate: 'network' }
}

/**
 * What was decided about connections of one session, so that nobody is asked twice: for the task that runs, and for the session
 * where a person said so. `earlier` tells what the session's log remembers; it is asked once, when first needed, and may throw.
 */
export class NetworkAnswers {
  readonly #earlier: () => ReadonlyMap<string, Decision>
  readonly #task = new Map<string, Decision>()
  #session: Map<string, Decision> | null = null

  constructor(earlier: () => ReadonlyMap<string, Decision> = () => new Map()) {
    this.#earlier = earlier
  }

  /** What stands; null when it has to be asked. */
  find(target: Target): Decision | null {
    return this.#task.get(toKey(target)) ?? this.#ofSession().get(toKey(target)) ?? null
  }

  /** Policy's answers count for the task: in another mode it may say something else. */
  keep(target: Target, decision: Decision): void {
    keep(decision.remember === 'session' ? this.#ofSession() : this.#task, toKey(target), decision)
  }

  /** Another task: what counted for the one before is void. */
  forgetTask(): void {
    this.#task.clear()
  }

  #ofSession(): Map<string, Decision> {
    return (this.#session ??= new Map(this.#earlier()))
  }
}

/** What was decided for the whole session, the latest decision of each target. Linear in the session's log. Throws what the log throws. */
export function readNetworkAnswers(log: Pick<EventLog, 'read'>, sessionId: string): ReadonlyMap<string, Decision> {
  const answers = new Map<string, Decision>()
  const targets = new Map<string, string>()
  for (let after = 0; ;) {
    const rows = log.read(sessionId, after, 1000)
    if (rows.length === 0) return answers
    for (const { seq, type, json } of rows) {
      after = seq
      // An agent may write these words too; what counts is read below.
      const matters = type === 'tool.call.requested' ? json.includes('"gate":"network"') : json.includes('"remember":"session"')
      if (type.startsWith('tool.call.') && matters) addAnswer(json, targets, answers)
    }
  }
}

function addAnswer(json: string, targets: Map<string, string>, answers: Map<string, Decision>): void {
  const event = toEvent({ json })
  if (event.type === 'tool.call.requested' && event.payload.gate === 'network') {
    const target = toTarget(event.payload.input)
    if (target !== null) targets.set(event.payload.tool_call_id, toKey(target))
  }
  if (event.type !== 'tool.call.approved' && event.type !== 'tool.call.denied') return
  const { tool_call_id, remember, reason = 'denied by the user' } = event.payload
  const key = targets.get(tool_call_id)
  if (key === undefined || remember !== 'session') return
  keep(answers, key, event.type === 'tool.call.approved' ? { decision: 'approved', remember } : { decision: 'denied', reason, remember })
}

function toTarget(input: unknown): Target | null {
  if (typeof input !== 'object' || input === null || !('host' in input) || !('port' in input)) return null
  const { host, port } = input
  return typeof host === 'string' && typeof port === 'number' ? { host, port } : null
}

/** Also what people are shown. Of names alone: addresses are never asked about. */
function toKey({ host, port }: Target): string {
  return `${host}:${port}`
}

function keep(answers: Map<string, Decision>, key: string, decision: Decision): void {
  answers.delete(key)
  answers.set(key, decision)
  const [oldest] = answers.keys()
  if (answers.size > LIMIT && oldest !== undefined) answers.delete(oldest)
}
