import { expect, test } from 'vitest'
import { endOf } from './task-end.ts'
import type { Planted } from './enclosure.ts'
import { createStage } from './testing/stage.ts'
import { Bench } from './testing/bench.ts'

test.each([
  ['nothing', [], undefined],
  ['a file', [{ path: '/ws/.mcp.json', change: 'add' }], [{ path: '/ws/.mcp.json', change: 'add' }]],
  [
    'more than is shown',
    Array.from({ length: 300 }, (_, index) => ({ path: `/ws/.codex/${index}`, change: 'edit' as const })),
    Array.from({ length: 200 }, (_, index) => ({ path: `/ws/.codex/${index}`, change: 'edit' })),
  ],
] satisfies [string, readonly Planted[], readonly Planted[] | undefined][])(
  'the receipt tells what was planted: %s',
  async (_what, planted, told) => {
    const begun = Promise.withResolvers<void>()
    const over = Promise.withResolvers<void>()
    await using stage = await createStage({
      async run() {
        begun.resolve()
        await over.promise
        return { status: 'completed', reason: 'completed' }
      },
    })
    await stage.create()
    await stage.submit('t')
    await begun.promise
    const { journal } = stage.session
    const outcome = { status: 'completed', reason: 'end_turn' } as const
    await journal.commit(endOf(journal, 't', outcome, { texts: new Map(), planted }, new Bench().inputs), { durability: 'synced' })
    over.resolve()
    const ended = await stage.until(({ type }) => type === 'task.completed')
    expect(ended.payload).toMatchObject({ reason: 'end_turn' })
    expect('receipt' in ended.payload && ended.payload.receipt.planted_configuration).toEqual(told)
  },
)
