import { expect, test } from 'vitest'
import { toSafeLine, toSafeText } from './safe-text.ts'

test.each([
  ['plain text, ünïcödé, 日本 and 👍', 'plain text, ünïcödé, 日本 and 👍'],
  ['two\nlines\tand a tab', 'two\nlines\tand a tab'],
  ['lines of\r\nWindows', 'lines of\nWindows'],
  ['\u001b[31mred', String.raw`\u{1b}[31mred`],
  ['over\rwritten', String.raw`over\u{d}written`],
  ['\u009b2J', String.raw`\u{9b}2J`],
  ['rm\u200b -rf', String.raw`rm\u{200b} -rf`],
  ['a\u202eb\u2066c', String.raw`a\u{202e}b\u{2066}c`],
  ['\u{e0041}tag', String.raw`\u{e0041}tag`],
  ['half \ud83d of a pair', String.raw`half \u{d83d} of a pair`],
  ['a line\u2028apart', String.raw`a line\u{2028}apart`],
])('%j is shown as %j', (text, shown) => {
  expect(toSafeText(text)).toBe(shown)
})

test('a line stays one', () => {
  expect(toSafeLine('first \n  second\u0007')).toBe(String.raw`first ⏎ second\u{7}`)
})
