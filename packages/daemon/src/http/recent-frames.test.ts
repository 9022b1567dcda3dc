import { expect, test } from 'vitest'
import { RecentFrames } from './recent-frames.ts'

const frames = (position: number) => ({ bytes: Buffer.from(`to ${position}`), position })
const never = () => expect.unreachable('they were made already')

test('what two follow is made once', () => {
  const recent = new RecentFrames()
  const first = recent.read('a', 0, () => frames(3))
  expect(recent.read('a', 0, never)?.bytes).toBe(first?.bytes)
})

test('another session or another place is another stretch', () => {
  const recent = new RecentFrames()
  recent.read('a', 0, () => frames(3))
  expect(recent.read('b', 0, () => frames(1))?.position).toBe(1)
  expect(recent.read('a', 3, () => frames(4))?.position).toBe(4)
  expect(recent.read('a', 0, never)?.position).toBe(3)
})

test('the end of a log is looked for again', () => {
  const recent = new RecentFrames()
  expect(recent.read('a', 0, () => null)).toBeNull()
  expect(recent.read('a', 0, () => frames(1))?.position).toBe(1)
})

test('only the last are kept', () => {
  const recent = new RecentFrames()
  for (let after = 0; after < 17; after++) recent.read('a', after, () => frames(after + 1))
  expect(recent.read('a', 1, never)?.position).toBe(2)
  expect(recent.read('a', 0, () => frames(9))?.position).toBe(9)
})

test('what follows on a stretch that many have read is longer, and what one reads behind them is not', () => {
  const recent = new RecentFrames()
  const times: number[] = []
  const read = (session: string, after: number) =>
    recent.read(session, after, (longer) => {
      times.push(longer)
      return frames(after + 1)
    })
  for (let reader = 0; reader < 16; reader++) read('a', 0)
  for (let reader = 0; reader < 15; reader++) read('a', 1)
  read('a', 2)
  read('b', 1)
  expect(times).toEqual([1, 4, 1, 1])
})
