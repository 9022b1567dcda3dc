import { execFileSync } from 'node:child_process'
import { mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { expect, test } from 'vitest'
import { readTextFile } from './text-file.ts'

test('reads a file that is not too large', async () => {
  await using folder = await mkdtempDisposable(path.join(tmpdir(), 'text-file-'))
  const file = path.join(folder.path, 'a.txt')
  await writeFile(file, 'größe\n')
  expect(await readTextFile(file, 8)).toBe('größe\n')
  expect(await readTextFile(file, 7)).toBeNull()
  expect(await readTextFile(`${file}.none`, 8)).toBeNull()
})

test('what is no file is not waited for, and has no end to be found', async () => {
  await using folder = await mkdtempDisposable(path.join(tmpdir(), 'text-file-'))
  const pipe = path.join(folder.path, 'pipe')
  execFileSync('mkfifo', [pipe])
  for (const file of [pipe, '/dev/zero', '/proc/self/status', folder.path]) expect(await readTextFile(file, 1024)).toBeNull()
})
