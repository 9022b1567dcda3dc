import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { Problem } from '@codesdkd/protocol'
import { toRange } from './range.ts'

test.each<[string | undefined, number, { first: number; last: number } | null]>([
  [undefined, 10, null],
  ['bytes=0-0', 10, { first: 0, last: 0 }],
  ['bytes=2-', 10, { first: 2, last: 9 }],
  ['bytes=2-100', 10, { first: 2, last: 9 }],
  ['bytes=-5', 10, { first: 5, last: 9 }],
  ['bytes=-50', 10, { first: 0, last: 9 }],
  ['bytes=-', 10, null],
  ['bytes=abc', 10, null],
  ['items=0-1', 10, null],
  [`bytes=${Array.from({ length: 100 }, () => '0-0').join(',')}`, 10, null],
])('%.30s of %d bytes', (header, size, expected) => {
  expect(toRange(header, size)).toEqual(expected)
})

test.each([
  ['bytes=9-1', 10],
  ['bytes=10-', 10],
  ['bytes=-0', 10],
  ['bytes=0-0', 0],
])('%s of %d bytes holds nothing', (header, size) => {
  expect(() => toRange(header, size)).toThrow(expect.objectContaining({ code: 'range_not_satisfiable' }))
})

test('whatever the header is, a range lies inside of the content', () => {
  const number = fc.oneof(fc.nat(20).map(String), fc.constantFrom('', '-1', '1e3', '999999999999999', '9999999999999999', ' 1'))
  const header = fc.oneof(
    fc.string(),
    fc.tuple(number, number).map(([first, last]) => `bytes=${first}-${last}`),
  )
  fc.assert(
    fc.property(header, fc.nat(12), (text, size) => {
      try {
        const range = toRange(text, size)
        if (range === null) return
        expect(Number.isSafeInteger(range.first) && Number.isSafeInteger(range.last)).toBe(true)
        expect(range.first >= 0 && range.first <= range.last && range.last < size).toBe(true)
      } catch (error) {
        expect(error).toBeInstanceOf(Problem)
      }
    }),
  )
})
