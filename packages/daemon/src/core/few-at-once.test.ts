import { expect, test } from 'vitest'
import { fewAtOnce } from './few-at-once.ts'

test('results stand in the order of the items, and only some are under way', async () => {
  let open = 0
  let most = 0
  const results = await fewAtOnce([...Array(50).keys()], async (item) => {
    most = Math.max(most, (open += 1))
    // The later ones come back sooner.
    for (let turn = item; turn < 50; turn++) await Promise.resolve()
    open -= 1
    return item * 2
  })
  expect(results).toEqual([...Array(50).keys()].map((item) => item * 2))
  expect(most).toBe(4)
})

test('the first failure is the failure of all', async () => {
  await expect(fewAtOnce([1, 2, 3], (item) => Promise.reject(new Error(String(item))))).rejects.toThrow('1')
})
