import type { EventLog } from '../../core/ports.ts'
import { sampleRecord } from '../../core/testing/record.ts'

/** Commits `count` events after those that a session has; types take turns. `padding` is the length of a text in each. */
export async function appendEvents(
  log: EventLog,
  sessionId: string,
  count: number,
  types: readonly string[] = ['runtime.notice'],
  padding = 0,
): Promise<void> {
  const from = log.lastSeq(sessionId)
  const events = Array.from({ length: count }, (_unused, index) => {
    const seq = from + index + 1
    const type = types[index % types.length] ?? 'runtime.notice'
    return { sessionId, seq, type, json: JSON.stringify({ seq, type, payload: { text: `\u2028 ${'x'.repeat(padding)}` } }) }
  })
  await log.append({ sessionId, events, durability: 'lazy', ...(from === 0 ? { session: sampleRecord(sessionId) } : {}) })
}

/** Marks a task of a session as open or ended, in one commit with an event. */
export async function setTask(log: EventLog, sessionId: string, taskId: string, status: 'running' | 'completed'): Promise<void> {
  const seq = log.lastSeq(sessionId) + 1
  const type = status === 'running' ? 'task.started' : 'task.completed'
  await log.append({
    sessionId,
    durability: 'synced',
    events: [{ sessionId, seq, type, json: JSON.stringify({ seq, type }) }],
    tasks: [
      {
        bodyHash: 'h',
        task: {
          session_id: sessionId,
          task_id: taskId,
          status,
          last_seq: seq,
          phase: status,
          created_at: '2026-11-22T00:00:00.000Z',
          started_at: null,
          ended_at: null,
          usage: null,
        },
      },
    ],
  })
}
