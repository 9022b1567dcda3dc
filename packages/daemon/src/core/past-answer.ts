import type { Payload } from '@codesdkd/protocol'
import type { EventLog } from './ports.ts'
import { toEvent } from './stored-event.ts'

/** How a question was settled, from the log. Linear in the session's log; only for late answers on tasks that have ended. */
export function findPastAnswer(log: EventLog, sessionId: string, questionId: string): Payload<'question.answered'> | null {
  for (let after = 0; ;) {
    const rows = log.read(sessionId, after, 1000)
    if (rows.length === 0) return null
    for (const { seq, type, json } of rows) {
      after = seq
      if (type !== 'question.answered' || !json.includes(questionId)) continue
      const event = toEvent({ json })
      if (event.type === 'question.answered' && event.payload.question_id === questionId) return event.payload
    }
  }
}
