import { expect, test } from 'vitest'
import { inSlices } from './in-slices.ts'

test('results stand in the order of the items, and others have their turn meanwhile', async () => {
  let turns = 0
  const timer = setImmediate(function count() {
    turns += 1
    next = setImmediate(count)
  })
  let next = timer
  const results = await inSlices([1, 2, 3], (item) => {
    for (const end = performance.now() + 5; performance.now() < end;);
    return [item * 2, turns]
  })
  clearImmediate(next)
  expect(results.map(([double]) => double)).toEqual([2, 4, 6])
  expect(new Set(results.map(([, seen]) => seen)).size).toBe(3)
})

test('what one of them throws is the failure of all', async () => {
  await expect(
    inSlices([1, 2], (item) => {
      throw new Error(String(item))
    }),
  ).rejects.toThrow('1')
})
