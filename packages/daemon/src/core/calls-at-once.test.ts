import { expect, test } from 'vitest'
import type { NativeCall } from './task-host.ts'
import { createStage } from './testing/stage.ts'

const call = (index: number): NativeCall => ({ id: `n${index}`, name: 'shell', kind: 'execute', title: `${index}`, input: { index } })
const completed = { status: 'completed', reason: 'completed' } as const

test('of a thousand calls that are asked for at once no more than 64 are on their way to a decision, and no more wait for a person', async () => {
  const room: boolean[] = []
  await using stage = await createStage({
    judge: () => Promise.resolve({ result: 'ask', rule: 'test' }),
    async run(host) {
      const decisions = Array.from({ length: 1_000 }, (_, index) => host.ask(call(index)))
      const observed = host.observe([])?.then(() => room.push(true))
      room.push(false)
      const denied = Promise.withResolvers<void>()
      let left = 1_000 - 64
      for (const decision of decisions) void decision.then(() => (left -= 1) === 0 && denied.resolve())
      await denied.promise
      await observed
      return completed
    },
  })
  await stage.create()
  await stage.submit('t')
  await stage.until(({ type }) => type === 'task.completed')
  expect(room).toEqual([false, true])
  const phases = { requested: 0, waiting: 0, refused: 0 }
  const most = { requested: 0, waiting: 0 }
  for (const { type, payload } of stage.events) {
    if (type === 'tool.call.requested') phases.requested += 1
    else if (type === 'tool.call.policy_evaluated') {
      phases.requested -= 1
      phases.waiting += 1
    } else if (type === 'tool.call.denied' && 'reason' in payload && payload.reason === 'too_many_pending') {
      phases.requested -= 1
      phases.refused += 1
    }
    most.requested = Math.max(most.requested, phases.requested)
    most.waiting = Math.max(most.waiting, phases.waiting)
  }
  expect(most).toEqual({ requested: 64, waiting: 64 })
  expect(phases.refused).toBe(936)
})
