import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { StoredEvent } from '../core/ports.ts'
import { toPage, weigh } from './page.ts'
import { Tail } from './tail.ts'

function storedEvent(seq: number, length: number): StoredEvent {
  return { cursor: seq, sessionId: 's', seq, type: 'runtime.notice', json: 'x'.repeat(length) }
}

const bounds = { maxEvents: 10, maxLength: 3000 }

test('what a tail returns after a position is the log without what is before it', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.array(fc.nat(1000), { minLength: 1, maxLength: 40 }),
      fc.nat(100),
      (first, lengths, after) => {
        const log = lengths.map((length, index) => storedEvent(first + index, length))
        const tail = new Tail({ position: (event) => event.seq, ...bounds })
        for (const event of log) tail.push(event)
        const recent = tail.after(after)
        const isHeld = after >= first + log.length - tail.size - 1
        expect(recent && [...recent]).toEqual(isHeld ? log.filter((event) => event.seq > after) : null)
      },
    ),
  )
})

test('a tail stays within its bounds and always holds the last event', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(5000), { minLength: 1, maxLength: 40 }), (lengths) => {
      const tail = new Tail({ position: (event) => event.seq, ...bounds })
      for (const [index, length] of lengths.entries()) {
        tail.push(storedEvent(index + 1, length))
        const held = [...(tail.after(index + 1 - tail.size) ?? [])]
        expect(held.at(-1)?.seq).toBe(index + 1)
        expect(held.length).toBeLessThanOrEqual(bounds.maxEvents)
        // The last one may be larger than the bound; what is held beside it is not.
        const weight = held.reduce((sum, event) => sum + weigh(event), 0)
        expect(held.length === 1 || weight <= bounds.maxLength).toBe(true)
      }
    }),
  )
})

test('a tail that misses an event starts anew behind the hole', () => {
  const tail = new Tail({ position: (event) => event.seq })
  for (const seq of [1, 2, 5, 6]) tail.push(storedEvent(seq, 1))
  expect(tail.after(1)).toBeNull()
  expect([...(tail.after(4) ?? [])].map((event) => event.seq)).toEqual([5, 6])
})

test('an empty tail knows nothing', () => {
  expect(new Tail({ position: (event) => event.seq }).after(0)).toBeNull()
})

test('a page is bounded by count and by size, and holds at least one event', () => {
  const large = [1, 2, 3, 4].map((seq) => storedEvent(seq, 600_000))
  expect(toPage([large], 10).map((event) => event.seq)).toEqual([1, 2])
  expect(toPage([large], 1).map((event) => event.seq)).toEqual([1])
  expect(toPage([[storedEvent(1, 5_000_000)]], 10)).toHaveLength(1)
  expect(toPage([large], 0)).toEqual([])
})
