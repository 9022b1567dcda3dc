import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { toHunk } from './text-diff.ts'

test('shows what changed with three lines around it', () => {
  const before = 'a\nb\nc\nd\ne\nf\ng\nh\n'
  expect(toHunk(before, before.replace('e\n', 'E\nE2\n'))).toBe('@@ -2,7 +2,8 @@\n b\n c\n d\n-e\n+E\n+E2\n f\n g\n h\n')
})

test('says where a line end is missing', () => {
  expect(toHunk('a\nb', 'a\nb\n')).toBe('@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+b\n')
})

test('of equal texts there is no hunk', () => {
  expect(toHunk('a\n', 'a\n')).toBe('')
})

test('git makes the new text of the old one with it', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'text-diff-'))
  const line = fc.constantFrom('a', 'b', 'c', '', ' x')
  const text = fc.tuple(fc.array(line, { maxLength: 12 }), fc.boolean()).map(([lines, ended]) => lines.join('\n') + (ended ? '\n' : ''))
  try {
    fc.assert(
      fc.property(text, text, (before, after) => {
        fc.pre(before !== after && before !== '' && after !== '')
        writeFileSync(path.join(folder, 'one.txt'), before)
        execFileSync('git', ['apply', '--whitespace=nowarn', '--unidiff-zero', '-'], {
          cwd: folder,
          input: `--- a/one.txt\n+++ b/one.txt\n${toHunk(before, after)}`,
        })
        expect(readFileSync(path.join(folder, 'one.txt'), 'utf8')).toBe(after)
      }),
      { numRuns: 60 },
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
