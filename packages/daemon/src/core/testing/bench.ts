import {
  emptyState,
  evolve,
  toReceipt,
  type Event,
  type NewEvent,
  type SessionState,
  type TaskState,
  type ToolCall,
  type ConfinementDenial,
} from '@codesdkd/protocol'
import type { Inputs } from '../call-events.ts'
import { closeOpen, observe, terminal } from '../decide.ts'
import { canonicalHash, inputHash } from '../input-hash.ts'
import { createRefusals } from '../refusals.ts'

export const shell: ToolCall = { name: 'shell', kind: 'execute', title: 'ls', input: { command: 'ls' } }

/** A session of one task, driven by commands: what `Session` and `Turn` do, without the world around it. */
export class Bench {
  state: SessionState = emptyState('s')
  readonly events: Event[] = []
  #ids = 0
  #time = 0
  readonly inputs: Inputs

  constructor({ walled = true }: { readonly walled?: boolean } = {}) {
    const newId = () => `call-${(this.#ids += 1)}`
    this.inputs = { newId, inputHash, contentHash: canonicalHash, permissionMode: 'ask', walled, refusals: createRefusals() }
    this.add([{ type: 'task.started', task_id: 't', payload: { messages: [{ role: 'user', content: 'go' }] } }])
  }

  get task(): TaskState {
    const task = this.state.tasks.get('t')
    if (task === undefined) throw new Error('no task')
    return task
  }

  add(events: readonly NewEvent[]): void {
    for (const event of events) {
      this.#time += 7
      const stored = {
        schema_version: 1,
        seq: this.state.last_seq + 1,
        time: new Date(this.#time).toISOString(),
        type: event.type,
        trace: { session_id: 's', ...(event.task_id === undefined ? {} : { task_id: event.task_id }) },
        runtime: { name: 'r' },
        payload: event.payload,
      } as Event
      this.events.push(stored)
      this.state = evolve(this.state, JSON.parse(JSON.stringify(stored)) as Event)
    }
  }

  end(): void {
    if (this.task.status !== 'running') return
    this.add(closeOpen(this.task, 'over', new Map(), this.inputs))
    this.add([terminal('t', { status: 'completed', reason: 'end_turn' }, toReceipt(this.task, new Date(this.#time).toISOString()))])
  }

  /** What `Turn` does with a refusal of the wall. */
  refuse(denial: ConfinementDenial): void {
    const { refusals } = this.inputs
    if (!refusals.keep(this.task, denial) && refusals.settle(this.task, denial))
      this.add(observe(this.state, 't', { kind: 'refused', denial }, this.inputs))
  }
}

/** The wall refused a connection. */
export function toDenial(host: string): ConfinementDenial {
  return { kind: 'network', target: `${host}:443`, reason: 'not allowed', source: 'sandbox' }
}
