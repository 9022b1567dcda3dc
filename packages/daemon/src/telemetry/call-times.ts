import { isTerminal, type Event, type ToolKind } from '@codesdkd/protocol'

/** What the events that end a call do not say themselves. */
export interface CallTimes {
  readonly kind: ToolKind
  /** Seconds from the question to a person until its decision; null when nobody was asked. */
  readonly waited: number | null
}

/** Remembers the calls of open tasks, and nothing else, for as long as they are open. */
export function createCallTimes(): { observe(event: Event): CallTimes | undefined } {
  const open = new Map<string, Map<string, { readonly kind: ToolKind; asked: number | null }>>()
  return {
    observe(event) {
      const { session_id, task_id } = event.trace
      if (task_id === undefined) return undefined
      const task = `${session_id} ${task_id}`
      if (isTerminal(event.type)) open.delete(task)
      if (!event.type.startsWith('tool.call.') || !('tool_call_id' in event.payload)) return undefined
      const id = String(event.payload.tool_call_id)
      if (event.type === 'tool.call.requested') {
        const calls = open.get(task) ?? new Map()
        open.set(task, calls.set(id, { kind: event.payload.kind, asked: null }))
      }
      const call = open.get(task)?.get(id)
      if (call === undefined) return undefined
      if (event.type === 'tool.call.policy_evaluated' && event.payload.result === 'ask') call.asked = Date.parse(event.time)
      if (event.type === 'tool.call.completed' || event.type === 'tool.call.denied') open.get(task)?.delete(id)
      return { kind: call.kind, waited: call.asked === null ? null : Math.max(0, Date.parse(event.time) - call.asked) / 1000 }
    },
  }
}
