import { findCall, type CallIdentity, type PermissionMode, type TaskState, type ToolCallState } from '@codesdkd/protocol'
import { createAtMost } from './at-most.ts'
import { boundCall, type StoreText } from './bounds.ts'
import type { Inputs, Verdict } from './call-events.ts'
import { denyPending, evaluate, openTask, request } from './decide.ts'
import type { Draft, Journal } from './journal.ts'
import type { PatientStore } from './patient-store.ts'
import type { Clock } from './ports.ts'
import type { Decision, NativeCall } from './task-host.ts'
import type { Wait } from './wait.ts'

export interface OpenCallsOptions {
  readonly journal: Journal
  readonly taskId: string
  readonly permissionMode: PermissionMode
  readonly clock: Clock
  readonly inputs: Inputs
  /** Milliseconds that a call waits for a person; null: for ever. */
  readonly timeoutMs: number | null
  /** Policy for one call; looks at the file system. Never rejects. */
  readonly judge: (call: NativeCall, mode: PermissionMode) => Promise<Verdict>
  readonly stored: PatientStore
  /** Commits, and lets what waits look again. */
  readonly record: (drafts: readonly Draft[], durability: 'lazy' | 'synced') => Promise<void>
}

/** So many calls may be on their way to a decision at once; who comes later waits unseen, and so does what the agent says next. */
const JUDGED_LIMIT = 64

interface Waiting {
  readonly call: CallIdentity
  readonly resolve: (decision: Decision) => void
  readonly timer: NodeJS.Timeout | undefined
}

/** Calls of the agent of one task, while they wait for their decisions. */
export class OpenCalls {
  readonly #options: OpenCallsOptions
  readonly #waiting = new Set<Waiting>()
  readonly #judged = createAtMost(JUDGED_LIMIT)

  constructor(options: OpenCallsOptions) {
    this.#options = options
  }

  /**
   * Asks policy and, if need be, a person; resolves when the decision is on disk. `ending` is looked at when the call is written down.
   * `known`: what policy need not be asked for.
   */
  async ask(native: NativeCall, ending: () => boolean, known?: Verdict): Promise<Decision> {
    const { decision } = await this.#judged.run(() => this.#enter(native, ending, known))
    return decision
  }

  /** For when a further call could be taken at once. */
  room(): Wait {
    return this.#judged.room()
  }

  /** Resolves when the verdict of policy is on disk; `decision` also where a person has to make it. */
  async #enter(native: NativeCall, ending: () => boolean, known?: Verdict): Promise<{ readonly decision: Decision | Promise<Decision> }> {
    const { journal, inputs, judge, permissionMode, stored, taskId, record } = this.#options
    const made = stored((store: StoreText) => boundCall(native, store))
    const shown = made instanceof Promise ? await made : made
    // From here to the commit nothing is awaited: the attempt that is counted is the attempt that is written.
    const asked = request(journal.state, taskId, native, inputs)
    if (asked === null || ending()) return { decision: { decision: 'denied', reason: 'the task is ending' } }
    const events = asked.events.map((event) =>
      event.type === 'tool.call.requested'
        ? { ...event, payload: { ...event.payload, input: shown.input, ...(shown.diff === undefined ? {} : { diff: shown.diff }) } }
        : event,
    )
    await record(events, 'lazy')
    const verdict = known ?? (await judge(native, permissionMode))
    return this.#decided(asked.call, verdict)
  }

  /** Lets what is decided go on. Looks at nothing that is not committed. */
  settle(task: TaskState | undefined): void {
    for (const waiting of this.#waiting) {
      const { call, resolve, timer } = waiting
      const found = task === undefined ? undefined : findCall(task, call.tool_call_id)
      if (found !== undefined && found.attempt === call.attempt && (found.phase === 'requested' || found.phase === 'pending')) continue
      this.#waiting.delete(waiting)
      clearTimeout(timer)
      resolve(toDecision(found?.attempt === call.attempt ? found : undefined))
    }
  }

  /** Commits the verdict; what it gives resolves when policy, a person, a time limit or the end of the task has decided. */
  async #decided(call: CallIdentity, verdict: Verdict): Promise<{ readonly decision: Promise<Decision> }> {
    const { journal, inputs, clock, timeoutMs, taskId, record } = this.#options
    const limit = verdict.result === 'ask' ? timeoutMs : null
    const expiresAt = limit === null ? null : new Date(Date.parse(clock.now()) + limit).toISOString()
    const { promise: decision, resolve } = Promise.withResolvers<Decision>()
    const timer = limit === null ? undefined : setTimeout(() => this.#expire(call), limit)
    this.#waiting.add({ call, resolve, timer })
    await record(evaluate(journal.state, taskId, call, verdict, inputs, expiresAt), 'synced')
    return { decision }
  }

  #expire(call: CallIdentity): void {
    const { journal, inputs, taskId, record } = this.#options
    const task = openTask(journal.state, taskId)
    if (task !== undefined) void record(denyPending(task, 'approval_timeout', inputs, call), 'synced')
  }
}

/** What stands for an attempt; undefined when it is gone. */
function toDecision(call: ToolCallState | undefined): Decision {
  const remember = call?.remember === undefined ? {} : { remember: call.remember }
  if (call !== undefined && call.phase !== 'denied') return { decision: 'approved', ...remember }
  return { decision: 'denied', reason: call?.denied_reason ?? 'the task has ended', ...remember }
}
