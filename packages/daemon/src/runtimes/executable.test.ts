import { mkdir, mkdtempDisposable, realpath, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { expect, test } from 'vitest'
import { findCodex } from './codex/executable.ts'
import { findExecutable } from './executable.ts'
import type { ExecutablePlaces } from './executable.ts'

const find = (places: Partial<ExecutablePlaces>) =>
  findExecutable({
    configured: null,
    installed: null,
    searchPath: '',
    packaged: (resolve) => resolve('sample/main.js'),
    command: 'sample',
    ...places,
  })

test('a configured path wins, and nothing stands in for a wrong one', async () => {
  await using directory = await mkdtempDisposable(path.join(tmpdir(), 'executable-'))
  const [good, plain] = [path.join(directory.path, 'sample'), path.join(directory.path, 'plain')]
  await writeFile(good, '', { mode: 0o755 })
  await writeFile(plain, '', { mode: 0o644 })
  expect(await find({ configured: good })).toBe(good)
  const wrong = [plain, directory.path, path.join(directory.path, 'none')]
  const searchPath = directory.path
  expect(await Promise.all(wrong.map((file) => find({ configured: file, searchPath })))).toEqual([null, null, null])
})

test('one that the daemon installed comes before one on the PATH, and a relative part of the PATH is not searched', async () => {
  await using directory = await mkdtempDisposable(path.join(tmpdir(), 'executable-'))
  const [own, named] = [path.join(directory.path, 'node_modules', 'sample', 'main.js'), path.join(directory.path, 'sample')]
  await writeFile(named, '', { mode: 0o755 })
  const searchPath = `relative:${directory.path}`
  expect(await find({ installed: directory.path, searchPath })).toBe(named)
  await mkdir(path.dirname(own), { recursive: true })
  await writeFile(own, '')
  expect(await find({ installed: directory.path, searchPath })).toBe(await realpath(own))
  expect(await find({ searchPath: path.relative(process.cwd(), directory.path) })).toBeNull()
})

test('finds the native program of the package beside the daemon', async () => {
  const found = await findCodex({ configured: null, installed: null, searchPath: '' })
  expect(found).toMatch(/codex-[a-z]+-[a-z0-9]+\/vendor\/.*\/bin\/codex$/)
})
