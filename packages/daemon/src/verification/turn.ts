import type { Outcome, RuntimeSession } from '../core/ports.ts'
import type { Answer, Decision, NativeCall, Observation, Question, TaskHost } from '../core/task-host.ts'
import { toMessage, type Trial } from './trials.ts'

/** What one turn has shown, seen from the daemon's side. */
export interface Turn {
  readonly outcome: Outcome
  readonly observations: readonly Observation[]
  readonly asked: readonly NativeCall[]
  readonly questions: readonly Question[]
  /** How many calls waited for a decision at once, at most. */
  readonly mostWaiting: number
  /** Milliseconds from the wish to stop to the end; null where nobody stopped it. */
  readonly stoppedAfterMs: number | null
}

/** Milliseconds: how long a turn may take, how long it may take to end when it is stopped, how long a call waits for a second one. */
const TURN_LIMIT = 20_000
const STOP_LIMIT = 10_000
const TOGETHER_LIMIT = 3_000

/** The turn did not end in time, not even when it was stopped: its agent is of no further use. */
export class TurnOverdue extends Error {
  override readonly name = 'TurnOverdue'
}

/** Runs one turn with a host that follows the trial. Rejects with `TurnOverdue`, or with the signal's reason. */
export async function runTurn(session: RuntimeSession, taskId: string, trial: Trial, signal: AbortSignal): Promise<Turn> {
  const stop = new AbortController()
  const limit = AbortSignal.timeout(TURN_LIMIT)
  const end = AbortSignal.any([stop.signal, limit, signal])
  const ended = Promise.withResolvers<never>()
  let stoppedAt: number | null = null
  let overdue: NodeJS.Timeout | undefined
  const wait = () => {
    stoppedAt = performance.now()
    // Nobody wants to know any more: the agent is ended without waiting for its turn.
    if (signal.aborted) return ended.reject(signal.reason)
    overdue = setTimeout(() => ended.reject(new TurnOverdue('The turn did not end when it was stopped.')), STOP_LIMIT)
  }
  end.addEventListener('abort', wait)
  const { host, seen } = createHost(trial, end, () => stop.abort())
  const task = { taskId, permissionMode: 'ask', messages: [toMessage(trial)], runtimeConfig: {} } as const
  try {
    const outcome = await Promise.race([session.run(task, host), ended.promise])
    signal.throwIfAborted()
    if (limit.aborted && !stop.signal.aborted) throw new TurnOverdue(`The turn took longer than ${TURN_LIMIT / 1000} s.`)
    return { outcome, ...seen, stoppedAfterMs: stoppedAt === null ? null : performance.now() - stoppedAt }
  } finally {
    end.removeEventListener('abort', wait)
    clearTimeout(overdue)
  }
}

type Seen = { -readonly [K in 'observations' | 'asked' | 'questions']: Turn[K][number][] } & { mostWaiting: number }

function createHost(trial: Trial, signal: AbortSignal, stop: () => void): { readonly host: TaskHost; readonly seen: Seen } {
  const seen: Seen = { observations: [], asked: [], questions: [], mostWaiting: 0 }
  const company = Promise.withResolvers<void>()
  let waiting = 0
  const host: TaskHost = {
    signal,
    async observe(observations) {
      seen.observations.push(...observations)
      if (trial.stopAt !== undefined && observations.some(trial.stopAt)) stop()
    },
    async ask(call) {
      seen.asked.push(call)
      waiting += 1
      seen.mostWaiting = Math.max(seen.mostWaiting, waiting)
      if (waiting >= (trial.together ?? 1)) company.resolve()
      await soon(company.promise, AbortSignal.any([signal, AbortSignal.timeout(TOGETHER_LIMIT)]))
      // Whoever waited alone for so long is not joined any more; the next one need not wait as well.
      company.resolve()
      waiting -= 1
      if (signal.aborted) return { decision: 'denied', reason: 'The probe has ended.' } satisfies Decision
      return trial.decide?.(call) ?? { decision: 'approved' }
    },
    async answer(question) {
      seen.questions.push(question)
      return signal.aborted ? { outcome: 'cancel', reason: 'The probe has ended.' } : toAnswer(question)
    },
  }
  return { host, seen }
}

/** Resolves with the promise, or when the signal is aborted. */
async function soon(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  const late = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
  await Promise.race([promise, ...(signal.aborted ? [] : [late])])
}

/** The first choice wherever there is one, else a word. */
function toAnswer({ schema }: Question): Answer {
  const { properties } = schema
  const entries = typeof properties === 'object' && properties !== null ? Object.entries(properties) : []
  return { outcome: 'accept', content: Object.fromEntries(entries.map(([name, property]) => [name, toValue(property)])) }
}

function toValue(property: unknown): unknown {
  if (typeof property !== 'object' || property === null) return 'red'
  if ('enum' in property && Array.isArray(property.enum)) return property.enum[0]
  for (const choices of ['oneOf' in property ? property.oneOf : null, 'anyOf' in property ? property.anyOf : null])
    if (Array.isArray(choices)) return choiceOf(choices)
  const type = 'type' in property ? property.type : null
  if (type === 'array') return 'items' in property ? [toValue(property.items)] : []
  if (type === 'boolean') return true
  return type === 'number' || type === 'integer' ? 1 : 'red'
}

function choiceOf([first]: readonly unknown[]): unknown {
  return typeof first === 'object' && first !== null && 'const' in first ? first.const : 'red'
}
