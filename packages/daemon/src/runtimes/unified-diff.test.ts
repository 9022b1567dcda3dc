import { execFileSync } from 'node:child_process'
import { mkdtempDisposable, readFile, readdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { expect, test } from 'vitest'
import { toUnifiedDiff } from './unified-diff.ts'
import type { FileDiff } from './unified-diff.ts'

const cases: readonly (readonly [name: string, diff: FileDiff, before: string | null, after: Readonly<Record<string, string>>])[] = [
  ['an added file', { change: 'add', path: 'a.txt', movedTo: null, body: 'one\ntwo\n' }, null, { 'a.txt': 'one\ntwo\n' }],
  ['a file without a last newline', { change: 'add', path: 'a.txt', movedTo: null, body: 'one' }, null, { 'a.txt': 'one' }],
  ['an empty file', { change: 'add', path: 'a.txt', movedTo: null, body: '' }, null, { 'a.txt': '' }],
  ['a deleted file', { change: 'delete', path: 'a.txt', movedTo: null, body: 'one\n' }, 'one\n', {}],
  ['a changed file', { change: 'update', path: 'a.txt', movedTo: null, body: '@@ -1 +1 @@\n-one\n+two\n' }, 'one\n', { 'a.txt': 'two\n' }],
  ['a moved file', { change: 'update', path: 'a.txt', movedTo: 'b.txt', body: '@@ -1 +1 @@\n-one\n+two' }, 'one\n', { 'b.txt': 'two\n' }],
]

test.each(cases)('git applies %s', async (_, diff, before, after) => {
  await using directory = await mkdtempDisposable(path.join(tmpdir(), 'diff-'))
  const cwd = directory.path
  if (before !== null) await writeFile(path.join(cwd, 'a.txt'), before)
  execFileSync('git', ['apply', '--whitespace=nowarn', '-'], { cwd, input: toUnifiedDiff(diff) })
  const files = await readdir(cwd)
  expect(Object.fromEntries(await Promise.all(files.map(async (file) => [file, await readFile(path.join(cwd, file), 'utf8')])))).toEqual(
    after,
  )
})
