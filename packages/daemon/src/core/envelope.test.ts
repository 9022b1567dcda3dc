import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { NewEvent } from '@codesdkd/protocol'
import { Envelope } from './envelope.ts'

const name = fc.constantFrom('a', 'b"\\\n', 'é\u2028')
const maybe = fc.option(name)
const told = fc.record({
  task: maybe,
  request: maybe,
  ofCommit: maybe,
  runtime: name,
  model: maybe,
  conversation: maybe,
  text: fc.string(),
})

test('whatever changes from event to event, each says what is so, in the words of JSON.stringify', () => {
  fc.assert(
    fc.property(fc.array(told, { minLength: 1, maxLength: 8 }), (all) => {
      const envelope = new Envelope('s')
      for (const [index, { task, request, ofCommit, runtime, model, conversation, text }] of all.entries()) {
        const payload = { kind: 'text_delta', block_id: 'b', delta: text } as const
        const draft: NewEvent = {
          type: 'model.output.delta',
          payload,
          ...(task === null ? {} : { task_id: task }),
          ...(request === null ? {} : { request_id: request }),
        }
        const { value, json } = envelope.wrap(draft, {
          seq: index + 1,
          time: '2026-01-01T00:00:00.000Z',
          requestId: ofCommit ?? undefined,
          runtime: { name: runtime, model, sessionId: conversation },
        })
        const requestId = request ?? ofCommit
        expect(value).toEqual({
          schema_version: 1,
          seq: index + 1,
          time: '2026-01-01T00:00:00.000Z',
          type: 'model.output.delta',
          trace: { session_id: 's', ...(task === null ? {} : { task_id: task }), ...(requestId === null ? {} : { request_id: requestId }) },
          runtime: {
            name: runtime,
            ...(model === null ? {} : { model }),
            ...(conversation === null ? {} : { runtime_session_id: conversation }),
          },
          payload,
        })
        expect(json).toBe(JSON.stringify(value))
      }
    }),
  )
})
