import { setTimeout } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { createSystemClock } from './system-clock.ts'

it('tells the time in UTC to the millisecond, and does not stand still', async () => {
  const clock = createSystemClock()
  const before = Date.now()
  const first = clock.now()
  expect(first).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  expect(Date.parse(first)).toBeGreaterThanOrEqual(before)
  while (Date.now() === Date.parse(first)) await setTimeout(1)
  const second = clock.now()
  expect(Date.parse(second)).toBeGreaterThan(Date.parse(first))
  expect(Date.parse(second)).toBeLessThanOrEqual(Date.now())
})
