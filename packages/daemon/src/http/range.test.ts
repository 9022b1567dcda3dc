import { expect, test } from 'vitest'
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
