import { expect, test } from 'vitest'
import { createAtMost } from './at-most.ts'

test('no more run at a time than are allowed, and they begin in order', async () => {
  const places = createAtMost(3)
  const begun: number[] = []
  const ends = Array.from({ length: 10 }, () => Promise.withResolvers<number>())
  const all = ends.map(({ promise }, index) =>
    places.run(() => {
      begun.push(index)
      return promise
    }),
  )
  expect(begun).toEqual([0, 1, 2])
  ends[1]?.resolve(1)
  expect(await all[1]).toBe(1)
  await Promise.resolve()
  expect(begun).toEqual([0, 1, 2, 3])
  for (const [index, end] of ends.entries()) end.resolve(index)
  expect(await Promise.all(all)).toEqual(ends.map((_, index) => index))
  expect(begun).toEqual(ends.map((_, index) => index))
})

test('there is room again when fewer run, and at once where there is room', async () => {
  const places = createAtMost(1)
  await places.room()
  const end = Promise.withResolvers<void>()
  const running = places.run(() => end.promise)
  let room = false
  const told = places.room()?.then(() => (room = true))
  await Promise.resolve()
  expect(room).toBe(false)
  end.resolve()
  await running
  await told
  expect(room).toBe(true)
})

test('what fails gives its place back', async () => {
  const places = createAtMost(1)
  await expect(places.run(() => Promise.reject(new Error('no')))).rejects.toThrow('no')
  expect(await places.run(() => Promise.resolve(7))).toBe(7)
})
