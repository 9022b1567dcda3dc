import { setImmediate } from 'node:timers/promises'
import { afterEach, expect, test, vi } from 'vitest'
import { collectGarbage, startRestCollector } from './rest-collector.ts'

afterEach(() => void vi.useRealTimers())

test('memory is given back once after the start, and once after each time that something was written or memory has grown', () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval', 'clearTimeout', 'clearInterval'] })
  let position = 7
  let memory = 100
  let collected = 0
  const collector = startRestCollector({ position: () => position, memory: () => memory, collect: () => (collected += 1) })
  const after = (milliseconds: number) => {
    vi.advanceTimersByTime(milliseconds)
    return collected
  }
  expect([after(999), after(1), after(60_000)]).toEqual([0, 1, 1])
  position = 8
  expect([after(10_000), after(10_000), after(60_000)]).toEqual([1, 2, 2])
  for (let busy = 0; busy < 6; busy++) {
    position += 1
    expect(after(10_000)).toBe(2)
  }
  expect(after(10_000)).toBe(3)
  memory += 16 * 1024 ** 2
  expect(after(60_000)).toBe(3)
  memory += 1
  expect([after(10_000), after(60_000)]).toEqual([4, 4])
  collector[Symbol.dispose]()
  position += 1
  expect(after(60_000)).toBe(4)
})

test('what nobody holds is gone after it', async () => {
  const held = new WeakRef({ text: 'x'.repeat(100) })
  // A reference that was looked at lives until the end of the turn.
  await setImmediate()
  collectGarbage()
  expect(held.deref()).toBeUndefined()
})
