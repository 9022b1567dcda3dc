import { mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { expect, test } from 'vitest'
import { findCodex } from './executable.ts'

const find = (configured: string) => findCodex({ configured, searchPath: process.env['PATH'] ?? '' })

test('a configured path wins, and nothing stands in for a wrong one', async () => {
  await using directory = await mkdtempDisposable(path.join(tmpdir(), 'executable-'))
  const [good, plain] = [path.join(directory.path, 'good'), path.join(directory.path, 'plain')]
  await writeFile(good, '', { mode: 0o755 })
  await writeFile(plain, '', { mode: 0o644 })
  expect(await find(good)).toBe(good)
  const wrong = [plain, directory.path, path.join(directory.path, 'none')]
  expect(await Promise.all(wrong.map((file) => find(file)))).toEqual([null, null, null])
})

test('finds the native program of the installed package', async () => {
  const found = await findCodex({ configured: null, searchPath: '' })
  expect(found).toMatch(/codex-[a-z]+-[a-z0-9]+\/vendor\/.*\/bin\/codex$/)
})
