import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseAgentJson } from './agent-json.ts'

const nested = (depth: number, inside = '') => `${'[{"a":'.repeat(depth / 2)}${inside || 0}${'}]'.repeat(depth / 2)}`

test('what is nested deeper than 512 is no message', () => {
  expect(JSON.stringify(parseAgentJson(nested(512)))).toBe(nested(512))
  expect(() => parseAgentJson(nested(514))).toThrow(SyntaxError)
  expect(() => parseAgentJson('['.repeat(100_000))).toThrow(SyntaxError)
})

test('what has more than a quarter of a million names and values is no message', () => {
  const wide = (names: number) => `{${Array.from({ length: names }, (_, index) => `"${index}":0`).join(',')}}`
  expect(Object.keys(parseAgentJson(wide(125_000)) as object).length).toBe(125_000)
  expect(() => parseAgentJson(wide(125_001))).toThrow(SyntaxError)
})

test('brackets in texts do not count, whatever is escaped there', () => {
  const text = JSON.stringify({ text: `${'[{'.repeat(2_000)}\\"\\\\`, more: '\\'.repeat(3_000), last: `"${'['.repeat(2_000)}` })
  expect(parseAgentJson(text)).toEqual(JSON.parse(text))
})

test('everything else is what JSON.parse makes of it', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 5 }), fc.string({ unit: 'binary' }), (json, text) => {
      const long = JSON.stringify([JSON.parse(json), text.repeat(200), JSON.parse(json)])
      expect(parseAgentJson(long)).toEqual(JSON.parse(long))
    }),
  )
})
