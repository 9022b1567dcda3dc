import { expect, test } from 'vitest'
import { toHunks } from './diff-rows.ts'

test('lines that took the place of others stand beside them, with the numbers that they have in their files', () => {
  const [hunk] = toHunks('--- a/x\n+++ b/x\n@@ -3,3 +3,4 @@\n same\n-old\n+new\n+more\n last\n') ?? []
  expect(hunk?.rows.map(({ left, right }) => [left && `${left.number} ${left.text}`, right && `${right.number} ${right.text}`])).toEqual([
    ['3 same', '3 same'],
    ['4 old', '4 new'],
    [null, '5 more'],
    ['5 last', '6 last'],
  ])
})

test('what is no diff is none', () => {
  expect(toHunks('*** Begin Patch\nsomething')).toBeNull()
  expect(toHunks('@@ -1,9 +1,9 @@\n-cut')).toBeNull()
  expect(toHunks('')).toBeNull()
})
