import { execFileSync } from 'node:child_process'
import { mkdir, mkdtempDisposable, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { expect, test } from 'vitest'
import { readTextFile } from './text-file.ts'

test('reads a file that is not too large', async () => {
  await using folder = await mkdtempDisposable(path.join(tmpdir(), 'text-file-'))
  const file = path.join(folder.path, 'a.txt')
  await writeFile(file, 'größe\n')
  expect(await readTextFile(folder.path, file, 8)).toBe('größe\n')
  expect(await readTextFile(folder.path, file, 7)).toBeNull()
  expect(await readTextFile(folder.path, `${file}.none`, 8)).toBeNull()
})

test('what is no file is not waited for, and has no end to be found', async () => {
  await using folder = await mkdtempDisposable(path.join(tmpdir(), 'text-file-'))
  const pipe = path.join(folder.path, 'pipe')
  execFileSync('mkfifo', [pipe])
  for (const file of [pipe, folder.path]) expect(await readTextFile(folder.path, file, 1024)).toBeNull()
  for (const file of ['/dev/zero', '/proc/self/status']) expect(await readTextFile('/', file, 1024)).toBeNull()
})

test('what lies outside is not read, whatever way leads there', async () => {
  await using folder = await mkdtempDisposable(path.join(tmpdir(), 'text-file-'))
  const [root, elsewhere] = [path.join(folder.path, 'root'), path.join(folder.path, 'elsewhere')]
  await mkdir(root)
  await mkdir(elsewhere)
  await writeFile(path.join(elsewhere, 'a.txt'), 'theirs')
  await symlink(elsewhere, path.join(root, 'directory'))
  await symlink(path.join(elsewhere, 'a.txt'), path.join(root, 'link'))
  for (const name of ['directory/a.txt', 'link', '../elsewhere/a.txt'])
    expect(await readTextFile(root, path.join(root, name), 1024), name).toBeNull()
})
