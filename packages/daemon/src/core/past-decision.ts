import type { Standing } from './decision.ts'
import type { EventLog } from './ports.ts'
import { toEvent } from './stored-event.ts'

/** The last decision about a call, from the log. Linear in the session's log; only for late decisions on sessions at rest. */
export function findPastDecision(log: EventLog, sessionId: string, toolCallId: string): Standing | null {
  let found: Standing | null = null
  let asked = false
  for (let after = 0; ;) {
    const rows = log.read(sessionId, after, 1000)
    if (rows.length === 0) return found
    for (const { seq, type, json } of rows) {
      after = seq
      if (!type.startsWith('tool.call.') || !json.includes(toolCallId)) continue
      const event = toEvent({ json })
      if (event.type === 'tool.call.requested' && event.payload.tool_call_id === toolCallId) {
        // Each attempt is asked and decided by itself.
        found = null
        asked = false
      }
      if (event.type === 'tool.call.policy_evaluated' && event.payload.tool_call_id === toolCallId && event.payload.result === 'ask')
        asked = true
      if ((event.type !== 'tool.call.approved' && event.type !== 'tool.call.denied') || event.payload.tool_call_id !== toolCallId) continue
      const { attempt, input_hash, decided_by } = event.payload
      found = { attempt, input_hash, asked, decision: event.type === 'tool.call.approved' ? 'approved' : 'denied', decided_by }
    }
  }
}
