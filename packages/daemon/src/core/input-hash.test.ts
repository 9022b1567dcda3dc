import { createHash } from 'node:crypto'
import type { ToolCall } from '@codesdkd/protocol'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalHash, inputHash } from './input-hash.ts'

const sha256 = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`
const call: ToolCall = { name: 'shell', kind: 'execute', title: 'ls', input: { command: 'ls', cwd: '/w' } }

/** The same value with the keys of every object in another order. */
function shuffled(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shuffled)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .map(([name, item]) => [name, shuffled(item)])
      .toReversed(),
  )
}

/** RFC 8785 in the plainest way: names in the order of their UTF-16 units, numbers and texts as JavaScript writes them. */
function encode(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(encode).join(',')}]`
  if (typeof value === 'string') return JSON.stringify(value.toWellFormed())
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const names = Object.entries(value).map(([name, item]) => [name.toWellFormed(), item] as const)
  const sorted = names.toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `{${sorted.map(([name, item]) => `${JSON.stringify(name)}:${encode(item)}`).join(',')}}`
}

const json = fc.jsonValue({ stringUnit: 'binary' })

describe('inputHash', () => {
  it('is SHA-256 over the canonical JSON of name and input', () => {
    expect(inputHash(call)).toBe(sha256('{"input":{"command":"ls","cwd":"/w"},"name":"shell"}'))
  })

  it('is not changed by title, reason or kind of a call that shows its input', () => {
    expect(inputHash({ ...call, title: 'other', kind: 'other', reason: 'why', escalated: true })).toBe(inputHash(call))
  })

  it('covers what a described call shows', () => {
    const described: ToolCall = {
      name: 'edit',
      kind: 'edit',
      title: 'edit a',
      input: null,
      input_source: 'described',
      locations: [{ path: 'a' }],
      diff: '+x',
    }
    expect(inputHash(described)).toBe(sha256('{"content":"+x","kind":"edit","locations":[{"path":"a"}],"name":"edit","title":"edit a"}'))
    const changes: Partial<ToolCall>[] = [
      { name: 'x' },
      { kind: 'read' },
      { title: 'x' },
      { locations: [] },
      { diff: '-x' },
      { input: 'x' },
    ]
    expect(new Set(changes.map((change) => inputHash({ ...described, ...change }))).size).toBe(changes.length)
  })

  it('differs for every other input', () => {
    const inputs = [
      undefined,
      null,
      {},
      [],
      '',
      'null',
      0,
      false,
      { command: 'ls' },
      { command: ['ls'] },
      { Command: 'ls' },
      { command: 'ls ' },
      { command: 'ls', cwd: '/' },
    ]
    expect(new Set(inputs.map((input) => inputHash({ ...call, input }))).size).toBe(inputs.length)
  })
})

describe('canonicalHash', () => {
  it('is that of RFC 8785 for its own example', () => {
    const example = {
      numbers: [333333333.3333333, 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
      string: '\u20ac$\u000F\nA\'B"\\\\"/',
      literals: [null, true, false],
    }
    expect(canonicalHash(example)).toBe(
      sha256(
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
      ),
    )
  })

  it('does not depend on the order of keys', () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(canonicalHash(shuffled(value))).toBe(canonicalHash(value))
      }),
    )
  })

  it('is that of an encoder of its own', () => {
    const awkward = fc.constantFrom<unknown>(-0, 0, 1e21, 1e-7, 5e-324, 2 ** 53, -(2 ** 63), 0.1 + 0.2, '\u2028', '\u007f', '\u0000', {
      '\u{1f600}': 1,
      '\uffff': 2,
      '': 3,
    })
    fc.assert(
      fc.property(fc.oneof(json, fc.double({ noNaN: true, noDefaultInfinity: true }), fc.array(awkward)), (value) => {
        expect(canonicalHash(value)).toBe(sha256(encode(value)))
      }),
    )
  })

  it('is the same after a way through JSON', () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(canonicalHash(JSON.parse(JSON.stringify(value)))).toBe(canonicalHash(value))
      }),
    )
  })

  it.each([
    ['a lone surrogate', { a: '\ud800', b: '\udc00x' }, '{"a":"\ufffd","b":"\ufffdx"}'],
    ['a lone surrogate in a name', { '\ud800': 1 }, '{"\ufffd":1}'],
    ['a pair beside a lone one', ['\ud83d\ude00\ud83d'], '["\u{1f600}\ufffd"]'],
    ['an escape that only looks like one', ['\\ud800', '\ud800'], '["\\\\ud800","\ufffd"]'],
    ['an infinite number', [Infinity, -Infinity, Number.NaN], '[null,null,null]'],
    ['nothing', undefined, 'null'],
  ])('reads %s as an encoder writes it', (_what, value, canonical) => expect(canonicalHash(value)).toBe(sha256(canonical)))

  it('takes depths that would exhaust the stack', () => {
    const deep = (depth: number) => JSON.parse('['.repeat(depth) + ']'.repeat(depth)) as unknown
    expect(canonicalHash(deep(100_000))).not.toBe(canonicalHash(deep(99_999)))
  })
})
