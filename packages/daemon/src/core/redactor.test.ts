import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createRedactor } from './redactor.ts'
import { harmlessSamples, secretSamples } from './testing/secret-samples.ts'

const key = Buffer.alloc(32, 7)
const redactor = createRedactor({ known: [], key, identity: null })

const encodings = {
  plain: (text: string) => text,
  json: (text: string) => JSON.stringify({ output: text }),
  'json in json': (text: string) => JSON.stringify({ line: JSON.stringify({ output: text }) }),
  url: (text: string) => `q=${encodeURIComponent(text)}`,
}

describe('made-up secrets', () => {
  const samples = secretSamples()
  for (const [encoding, encode] of Object.entries(encodings)) {
    it(`are all found as ${encoding}`, () => {
      const missed = samples.filter(({ text, secret }) => {
        const redacted = redactor.text(encode(text))
        return encode(secret).length < 8 || redacted.includes(secret) || redacted.includes(encodings.plain(encode(secret).slice(12, -4)))
      })
      expect(missed.map(({ about }) => about)).toEqual([])
      expect(samples.length).toBeGreaterThanOrEqual(60)
    })
  }
})

describe('harmless texts', () => {
  it.each(harmlessSamples())('%s stays', (text) => {
    expect(redactor.text(text)).toBe(text)
  })

  it('are many', () => expect(harmlessSamples().length).toBeGreaterThanOrEqual(60))
})
