import { existsSync, mkdirSync, rmdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Ballast } from './ballast.ts'
import { temporaryDirectory } from './testing/samples.ts'

test('the reserve is there until it is given away, once, and comes back', async () => {
  using directory = temporaryDirectory()
  const path = join(directory.path, 'ballast')
  const restored = Promise.withResolvers<void>()
  using ballast = new Ballast(path, { size: 10_000, retryMs: 1, onRestored: restored.resolve })
  expect([ballast.held, statSync(path).size]).toEqual([true, 10_000])
  expect([ballast.release(), ballast.held, existsSync(path), ballast.release()]).toEqual([true, false, false, false])
  await restored.promise
  expect([ballast.held, statSync(path).size]).toEqual([true, 10_000])
})

test('a reserve that is cut short counts for nothing and is made anew', () => {
  using directory = temporaryDirectory()
  const path = join(directory.path, 'ballast')
  using small = new Ballast(path, { size: 100, onRestored: () => {} })
  using ballast = new Ballast(path, { size: 10_000, onRestored: () => {} })
  expect([small.held, ballast.held, statSync(path).size]).toEqual([true, true, 10_000])
})

test('where it cannot be made it is tried again', async () => {
  using directory = temporaryDirectory()
  const path = join(directory.path, 'ballast')
  const restored = Promise.withResolvers<void>()
  mkdirSync(path)
  using ballast = new Ballast(path, { size: 10_000, retryMs: 1, onRestored: restored.resolve })
  expect(ballast.held).toBe(false)
  rmdirSync(path)
  await restored.promise
  expect(ballast.held).toBe(true)
})

test('more than the disk can spare is not taken', () => {
  using directory = temporaryDirectory()
  using ballast = new Ballast(join(directory.path, 'ballast'), { size: Number.MAX_SAFE_INTEGER, onRestored: () => {} })
  expect(ballast.held).toBe(false)
  expect(existsSync(join(directory.path, 'ballast'))).toBe(false)
})
