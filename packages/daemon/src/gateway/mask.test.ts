import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { createMask, maskText, toHidden } from './mask.ts'

const secret = 'sk-sk-abcdsk-ab'

/** Texts in which the secret, and what looks like its beginning, is not rare. */
const said = fc
  .array(fc.oneof(fc.constantFrom(secret, 'sk-', 'sk-sk-abcd', 's', 'other words '), fc.string()), { maxLength: 12 })
  .map((parts) => parts.join(''))

test('however it is cut, a stream shows no secret and keeps its length', () => {
  fc.assert(
    fc.property(said, fc.array(fc.nat({ max: 40 }), { maxLength: 30 }), (text, sizes) => {
      const mask = createMask([secret])
      const bytes = Buffer.from(text)
      const shown = [...cut(bytes, sizes).map((chunk) => mask.push(chunk)), mask.end()]
      expect(Buffer.concat(shown).toString()).toBe(maskText(text, [secret]))
      expect(maskText(text, [secret])).not.toContain(secret)
      expect(Buffer.concat(shown)).toHaveLength(bytes.length)
    }),
  )
})

test('one that is a part of another does not hide the rest of it from the search', () => {
  const [whole, ...parts] = ['ab-team-7-abcdefgh', 'ab-team-7', 'team-7-abc', 'efgh']
  const secrets = [...parts, whole]
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...secrets, 'ab-', ' '), { maxLength: 8 }), fc.array(fc.nat({ max: 20 })), (said, sizes) => {
      const mask = createMask(secrets)
      const bytes = Buffer.from(said.join(''))
      const shown = Buffer.concat([...cut(bytes, sizes).map((chunk) => mask.push(chunk)), mask.end()]).toString()
      expect(shown).toHaveLength(bytes.length)
      for (const text of [shown, maskText(said.join(''), secrets)]) expect(text.replaceAll(/ab-|[ *]/g, '')).toBe('')
    }),
  )
})

test('nothing is held back but what may be the beginning of a secret', () => {
  const mask = createMask([secret])
  expect(mask.push(Buffer.from('data: 1\n\n')).toString()).toBe('data: 1\n\n')
  expect(mask.push(Buffer.from('a sk-sk')).toString()).toBe('a ')
  expect(mask.push(Buffer.from('ip')).toString()).toBe('sk-skip')
  expect(createMask([]).push(Buffer.from('sk-sk')).toString()).toBe('sk-sk')
})

test('what is looked for is the secret itself, where it is long enough to be one', () => {
  const hidden = toHidden([`Bearer ${secret}`, secret, 'gzip', `Basic ${secret}2`])
  expect(hidden).toEqual(expect.arrayContaining([secret, `${secret}2`]))
  expect(hidden).toEqual([...new Set(hidden)])
  expect(hidden.filter((form) => /gzip|Bearer|Basic/.test(form))).toEqual([])
})

test('a secret is found as JSON, a URL and base64 write it', () => {
  const key = 'sk-a/b+c="d\\e'
  const written = [
    JSON.stringify(key),
    JSON.stringify(JSON.stringify(key)),
    encodeURIComponent(key),
    `x${key}`,
    JSON.stringify(key).replaceAll('/', '\\/'),
  ]
  for (const text of written) expect(maskText(text, toHidden([key])), text).toMatch(/^["\\x]*\*+["\\]*$/)
  expect(maskText(Buffer.from(key).toString('base64'), toHidden([key]))).toMatch(/\*{8}/)
})

function cut(bytes: Buffer, sizes: readonly number[]): readonly Buffer[] {
  const chunks: Buffer[] = []
  let from = 0
  for (const size of sizes) {
    chunks.push(bytes.subarray(from, from + size))
    from += size
  }
  return [...chunks, bytes.subarray(from)]
}
