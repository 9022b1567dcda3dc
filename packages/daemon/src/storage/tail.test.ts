import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { Tail } from './tail.ts'

interface Size {
  readonly count: number
  readonly length: number
}

function stretch(seq: number, { count, length }: Size) {
  return { cursor: seq, sessionId: 's', seq, count, types: 'runtime.notice', frames: Buffer.alloc(length) }
}

/** Stretches that follow on each other. */
function stretches(first: number, sizes: readonly Size[]) {
  let seq = first
  return sizes.map((size) => {
    const made = stretch(seq, size)
    seq += size.count
    return made
  })
}

const bounds = { maxEvents: 10, maxLength: 3000 }
const sizes = fc.array(fc.record({ count: fc.integer({ min: 1, max: 12 }), length: fc.nat(1000) }), { minLength: 1, maxLength: 40 })

test('what a tail returns after a position is the log from where the next event lies', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), sizes, fc.nat(400), (first, made, after) => {
      const log = stretches(first, made)
      const tail = new Tail({ position: ({ seq }) => seq, ...bounds })
      for (const one of log) tail.push(one)
      const recent = tail.after(after)
      if (recent === null) {
        // Then it was forgotten, as what came later left it no room.
        const rest = log.filter(({ seq, count }) => seq + count > after + 1)
        const events = rest.reduce((sum, { count }) => sum + count, 0)
        const length = rest.reduce((sum, { frames }) => sum + frames.length, 0)
        expect(after + 1 < first || events > bounds.maxEvents || length > bounds.maxLength).toBe(true)
      } else {
        const end = (log.at(-1)?.seq ?? 0) + (log.at(-1)?.count ?? 0)
        const wanted = log.filter(({ seq, count }) => seq + count > after + 1)
        expect([...recent]).toEqual(after + 1 >= end ? log.slice(-1) : wanted)
      }
    }),
  )
})

test('a tail stays within its bounds and always holds what came last', () => {
  fc.assert(
    fc.property(sizes, (made) => {
      const tail = new Tail({ position: ({ seq }) => seq, ...bounds })
      const log = stretches(1, made)
      for (const [index, one] of log.entries()) {
        tail.push(one)
        const oldest = log.slice(0, index + 1).find(({ seq }) => tail.after(seq - 1) !== null)
        const held = [...(tail.after((oldest?.seq ?? 0) - 1) ?? [])]
        expect(held.at(-1)).toBe(one)
        // The last one may be larger than the bounds; what is held beside it is not.
        const within =
          held.reduce((sum, { count }) => sum + count, 0) <= bounds.maxEvents &&
          held.reduce((sum, { frames }) => sum + frames.length, 0) <= bounds.maxLength
        expect(held.length === 1 || within).toBe(true)
      }
    }),
  )
})

test('a tail that misses an event starts anew behind the hole', () => {
  const tail = new Tail({ position: ({ seq }) => seq })
  for (const seq of [1, 2, 5, 6]) tail.push(stretch(seq, { count: 1, length: 1 }))
  expect(tail.after(1)).toBeNull()
  expect([...(tail.after(4) ?? [])].map(({ seq }) => seq)).toEqual([5, 6])
})

test('an empty tail knows nothing', () => {
  expect(new Tail({ position: ({ seq }) => seq }).after(0)).toBeNull()
})
