import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { atLeast } from '../../../../../test/fuzz/runs.ts'
import { createRedactor } from './redactor.ts'
import { encodings, isSeen } from './testing/encodings.ts'
import { harmlessSamples, secretSamples, slowUnits } from './testing/secret-samples.ts'

const key = Buffer.alloc(32, 7)
const identity = { home: '/home/alice', user: 'alice', host: 'wonderland.example' }
const redactor = createRedactor({ known: [], key, identity: null })
const mark = /\[REDACTED:[a-z_]+:[0-9a-f]{6}\]/

describe.each(['', 'another seed', 'a third one'])('made-up secrets of seed %j', (seed) => {
  const samples = secretSamples(seed)

  it.each(Object.entries(encodings))('are all found as %s', (_name, encode) => {
    const missed = samples.filter(({ text, secret }) => isSeen(secret, redactor.text(encode(text))))
    expect(missed.map(({ about }) => about)).toEqual([])
    expect(samples.every(({ text, secret }) => isSeen(secret, encode(text)))).toBe(true)
    expect(samples.length).toBeGreaterThanOrEqual(60)
  })

  it.each(samples)('leave what is around them: $about', ({ text }) => {
    const redacted = redactor.text(`before ${text}\n[after]`)
    expect(redacted).toMatch(mark)
    expect(redacted.startsWith('before ')).toBe(true)
    expect(redacted.endsWith('[after]')).toBe(true)
  })
})

describe('harmless texts', () => {
  const samples = harmlessSamples()

  it.each(samples)('%s stays', (text) => expect(redactor.text(text)).toBe(text))

  it('are many', () => expect(samples.length).toBeGreaterThanOrEqual(60))
})

describe('JSON values', () => {
  it('lose whole strings under the names of secrets, and nothing else', () => {
    const value = {
      headers: { Authorization: 'Bearer of news', Accept: '*/*' },
      tokens: [1, 2],
      token_count: 3,
      password: '!',
      refresh_token: 'x y z, twelve',
      keep: [true, null, 1.5],
    }
    const redacted = JSON.stringify(redactor.value(value))
    expect(redacted.replace(new RegExp(mark, 'g'), '#')).toBe(
      '{"headers":{"Authorization":"#","Accept":"*/*"},"tokens":[1,2],"token_count":3,"password":"#","refresh_token":"#","keep":[true,null,1.5]}',
    )
  })

  it('lose the private parts of a JWK, and keep the public ones', () => {
    const [own, open] = ['Zz9_'.repeat(11).slice(0, 43), 'Yy8-'.repeat(11).slice(0, 43)]
    const redacted = JSON.stringify(redactor.value({ kty: 'EC', x: open, d: own }))
    expect(redacted).toContain(open)
    expect(redacted).not.toContain(own)
  })

  it('keep a key named __proto__ as a key', () => {
    expect(JSON.stringify(redactor.value(JSON.parse('{"__proto__":{"a":1}}')))).toBe('{"__proto__":{"a":1}}')
  })
})

describe('marks', () => {
  it('are equal for equal secrets under one key, and differ under another', () => {
    const other = createRedactor({ known: [], key: Buffer.alloc(32, 8), identity: null })
    const one = redactor.text('password=hunter2hunter2').match(mark)?.[0]
    expect(redactor.text('"PASSWORD": "hunter2hunter2"')).toBe(`"PASSWORD": "${one}"`)
    expect(other.text('password=hunter2hunter2')).not.toContain(one)
    expect(redactor.text('password=hunter3hunter3')).not.toContain(one)
  })

  it('are counted by rule', () => {
    const counting = createRedactor({ known: ['known-value-1'], key, identity: null })
    counting.text('known-value-1 known-value-1 password=hunter2hunter2')
    expect(Object.fromEntries(counting.counts)).toEqual({ known: 2, named: 1 })
  })
})

describe('identity', () => {
  const hiding = createRedactor({ known: [], key, identity })

  it.each([
    '/home/alice/x',
    '"\\/home\\/alice\\/x"',
    'file%2Fhome%2Falice%2Fx',
    'alice@wonderland.example',
    'ssh wonderland',
    'cd /Users/bob/src',
    '/home/carol',
  ])('is hidden in %s', (text) => {
    expect(hiding.text(text)).not.toMatch(/alice|wonderland|bob|carol/)
  })

  it.each(['malice', 'alice_in_chains', '/home', 'wonderlands'])('is not seen in %s', (text) => expect(hiding.text(text)).toBe(text))

  it('of a common account hides its home only', () => {
    const root = createRedactor({ known: [], key, identity: { home: '/root', user: 'root', host: 'localhost' } })
    expect(root.text('root owns /root/x and /rooted')).toMatch(/^root owns \[REDACTED:home:[0-9a-f]{6}\]\/x and \/rooted$/)
  })
})

const pieces = [
  ...secretSamples().map(({ text }) => text),
  ...harmlessSamples(),
  'password=',
  'token":"',
  '\\"',
  '"',
  "'",
  '\\n',
  '\n',
  ' ',
  '%22',
  'Bearer ',
  '-----BEGIN PRIVATE KEY-----',
  '[REDACTED:named:abcdef]',
  '/home/alice',
  'known-value-1',
]
const collage = fc
  .array(fc.oneof(fc.constantFrom(...pieces), fc.string({ maxLength: 12 })), { maxLength: 12 })
  .map((parts) => parts.join(''))

describe('any text', () => {
  const full = createRedactor({ known: ['known-value-1', 'p"q\\r/s t&u'], key, identity })

  it('is the same after a second redaction', () => {
    fc.assert(
      fc.property(collage, (text) => {
        const once = full.text(text)
        expect(full.text(once)).toBe(once)
      }),
      { numRuns: atLeast(2000) },
    )
  })

  it('keeps no known value in any form', () => {
    const secret = 'p"q\\r/s t&u'
    const forms = fc.constantFrom(
      secret,
      JSON.stringify(secret),
      JSON.stringify(JSON.stringify(secret)),
      encodeURIComponent(secret),
      JSON.stringify({ a: `x${secret}y` }),
    )
    fc.assert(
      fc.property(collage, forms, collage, (before, form, after) => {
        const redacted = full.text(before + form + after)
        expect(redacted.replace(/[\\%0-9A-F]/g, '')).not.toContain(form.replace(/[\\%0-9A-F]/g, ''))
      }),
    )
  })
})

describe('texts made to be slow', () => {
  it.each(slowUnits)(
    '%j, a megabyte of it',
    (unit) => {
      expect(redactor.text(unit.repeat(Math.ceil(1e6 / unit.length))).length).toBeGreaterThan(0)
    },
    10_000,
  )
})
