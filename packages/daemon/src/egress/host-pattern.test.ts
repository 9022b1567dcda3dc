import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toHost } from './host.ts'
import { matchesHost, matchesTarget, toHostPattern } from './host-pattern.ts'

const usual = [80, 443]
const domain = fc.domain().map((name) => name.toLowerCase())
const port = fc.integer({ min: 1, max: 65_535 })

function matches(text: string, host: string, at = 443): boolean {
  const pattern = toHostPattern(text)
  return pattern !== null && matchesTarget(pattern, { host, port: at }, usual)
}

describe('examples', () => {
  test.each([
    ['example.com', 'example.com', 443],
    ['EXAMPLE.com.', 'example.com', 80],
    ['bücher.example', 'xn--bcher-kva.example', 443],
    ['*.example.com', 'a.example.com', 443],
    ['*.example.com', 'a.b.example.com', 443],
    ['*', 'anything.example', 443],
    ['example.com:8443', 'example.com', 8443],
    ['*.example.com:22', 'git.example.com', 22],
    ['*:22', 'git.example.com', 22],
    ['192.0.2.7', '192.0.2.7', 443],
    ['[2001:DB8::0:1]:444', '2001:db8::1', 444],
  ] as const)('%s means %s:%i', (pattern, host, at) => {
    expect(matches(pattern, host, at)).toBe(true)
  })

  test.each([
    ['example.com', 'a.example.com', 443],
    ['example.com', 'example.com.evil.net', 443],
    ['example.com', 'notexample.com', 443],
    ['example.com', 'example.com', 8443],
    ['example.com:443', 'example.com', 80],
    ['*.example.com', 'example.com', 443],
    ['*.example.com', 'evilexample.com', 443],
    ['*.example.com', '.example.com', 443],
    ['*', 'example.com', 22],
    ['*:22', 'example.com', 443],
  ] as const)('%s does not mean %s:%i', (pattern, host, at) => {
    expect(matches(pattern, host, at)).toBe(false)
  })

  test.each([
    '',
    '*.',
    '**',
    'a*.com',
    '*a.com',
    '*.*',
    '*.127.0.0.1',
    'a b',
    'a:0',
    'a:65536',
    'a:b',
    'a/b',
    'http://a.com',
    '*.*.com',
    '[::1',
    'u@a.com',
  ])('%j is no pattern', (text) => {
    expect(toHostPattern(text)).toBeNull()
  })
})

describe('for every host', () => {
  test('a name means itself alone, however it is written', () => {
    fc.assert(
      fc.property(domain, domain, (name, other) => {
        const host = toHost(name)
        fc.pre(host !== null)
        expect(matches(name.toUpperCase(), host)).toBe(true)
        expect(matches(`${name}.`, host)).toBe(true)
        expect(matches(name, other)).toBe(host === other)
        expect(matches(name, `${other}.${host}`)).toBe(false)
        expect(matches(name, `${host}.${other}`)).toBe(false)
      }),
    )
  })

  test('*.name means what is below it, label by label', () => {
    fc.assert(
      fc.property(domain, domain, fc.stringMatching(/^[a-z]{1,8}$/), (name, below, glued) => {
        expect(matches(`*.${name}`, `${below}.${name}`)).toBe(true)
        expect(matches(`*.${name}`, name)).toBe(false)
        expect(matches(`*.${name}`, `${glued}${name}`)).toBe(false)
        expect(matches(`*.${name}`, `${name}.${glued}.test`)).toBe(false)
      }),
    )
  })

  test('a port in a pattern is the only one, none means the usual ones', () => {
    fc.assert(
      fc.property(domain, port, port, (name, one, other) => {
        expect(matches(`${name}:${one}`, name, other)).toBe(one === other)
        expect(matches(name, name, other)).toBe(usual.includes(other))
        expect(matches('*', name, other)).toBe(usual.includes(other))
      }),
    )
  })

  test('no text makes it throw, and none but * means everything', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.webUrl()), (text) => {
        const pattern = toHostPattern(text)
        if (pattern === null || pattern.reach === 'any') return
        expect(matchesHost(pattern, 'some-quite-other.example')).toBe(false)
      }),
    )
  })
})
