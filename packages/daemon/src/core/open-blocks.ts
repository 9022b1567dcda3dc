import type { TaskState } from '@codesdkd/protocol'
import { PAYLOAD_LIMIT } from './bounds.ts'
import type { EventLog } from './ports.ts'
import { toEvent } from './stored-event.ts'

/** The text that was shown of each output block which never ended, read back from the log; cut at the payload limit. */
export function toOpenBlockTexts(log: EventLog, sessionId: string, task: TaskState): ReadonlyMap<string, string> {
  const texts = new Map<string, string>()
  if (task.blocks.size === 0) return texts
  let after = Math.min(...[...task.blocks.values()].map((block) => block.first_seq)) - 1
  for (;;) {
    const page = log.read(sessionId, after, 1000)
    if (page.length === 0) return texts
    for (const { seq, type, json } of page) {
      after = seq
      if (type !== 'model.output.delta') continue
      const event = toEvent({ json })
      if (event.type !== 'model.output.delta' || !task.blocks.has(event.payload.block_id)) continue
      const text = texts.get(event.payload.block_id) ?? ''
      if (text.length < PAYLOAD_LIMIT / 2) texts.set(event.payload.block_id, text + event.payload.delta)
    }
  }
}
