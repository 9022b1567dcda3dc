import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { openDataDir } from './data-dir.ts'
import { HighWaterMark } from './high-water-mark.ts'
import { temporaryDirectory } from './testing/samples.ts'

test('the mark is the last one noted, and is written by itself', async () => {
  using directory = temporaryDirectory()
  using dir = openDataDir(directory.path)
  using mark = new HighWaterMark(dir, 1)
  expect(mark.read()).toBeNull()
  for (let cursor = 1; cursor <= 5; cursor++) mark.note(cursor)
  await vi.waitFor(() => expect(mark.read()).toBe(5))
  mark.note(9)
  await vi.waitFor(() => expect(mark.read()).toBe(9))
})

test('a mark that cannot be written is written when it can be, with a later note', async () => {
  using directory = temporaryDirectory()
  using dir = openDataDir(directory.path)
  using mark = new HighWaterMark(dir, 1)
  rmdirSync(dir.temp)
  mark.note(1)
  expect(() => mark.write(2)).toThrow('ENOENT')
  mkdirSync(dir.temp)
  mark.note(3)
  await vi.waitFor(() => expect(mark.read()).toBe(3))
})

test('a mark that says nothing proves nothing', () => {
  using directory = temporaryDirectory()
  using dir = openDataDir(directory.path)
  using mark = new HighWaterMark(dir)
  for (const content of ['', '{', 'null', '[]', '{"cursor":"7"}']) {
    writeFileSync(join(directory.path, 'hwm.json'), content)
    expect(mark.read()).toBe(0)
  }
})
