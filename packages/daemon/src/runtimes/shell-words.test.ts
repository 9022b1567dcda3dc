import { execFileSync } from 'node:child_process'
import { isDeepStrictEqual } from 'node:util'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { toWords, unwrapShell } from './shell-words.ts'

test.each([
  ["/bin/bash -lc 'echo one > two'", 'echo one > two'],
  ['/usr/bin/zsh -lc ls', 'ls'],
  [`/bin/sh -c "it's \\$HOME"`, "it's $HOME"],
  ["/bin/bash -lc 'echo '\\''one'\\'''", "echo 'one'"],
])('%s is only a wrapping', (command, script) => {
  expect(unwrapShell(command)).toBe(script)
})

test.each([
  "./bash -lc 'ls'",
  '/tmp/bash -lc ls',
  "/bin/bash -lc 'ls' more",
  '/bin/bash -x ls',
  '/bin/bash -lc ls; rm x',
  '/bin/bash -lc "$(ls)"',
  "/bin/bash -lc 'open",
  'ls -l',
  '',
])('%s stays as it is', (command) => {
  expect(unwrapShell(command)).toBe(command)
})

test('words are those of the shell', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', ' ', "'", '"', '\\', '$', '`', '\n', ';', 'é'), maxLength: 12 })
  const quoted = fc.tuple(word, fc.constantFrom(toSingle, toDouble)).map(([text, quote]) => quote(text))
  const property = fc.property(fc.array(quoted, { minLength: 1, maxLength: 4 }), (parts) => {
    const command = parts.join(' ')
    const shell = execFileSync('/bin/sh', ['-c', `printf '%s\\0' ${command}`], { encoding: 'utf8' })
      .split('\0')
      .slice(0, -1)
    const words = toWords(command)
    return words === null || isDeepStrictEqual(words, shell)
  })
  expect(fc.defaultReportMessage(fc.check(property, { numRuns: 60 }))).toBeUndefined()
})

test('a long command takes linear time', () => {
  expect(toWords(`"${'a\\"'.repeat(300_000)}"`)?.[0]).toHaveLength(600_000)
  expect(toWords("'".repeat(300_001))).toBeNull()
})

const toSingle = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`
const toDouble = (text: string): string => `"${text.replace(/[$`"\\]/g, '\\$&')}"`
