import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isLocalName, toAuthority, toHost, toTarget } from './host.ts'

describe('one spelling for each host', () => {
  test.each([
    ['EXAMPLE.com', 'example.com'],
    ['example.com.', 'example.com'],
    ['b%C3%BCcher.example', 'xn--bcher-kva.example'],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['ex%61mple.com', 'example.com'],
    ['local%C2%ADhost', 'localhost'],
    ['_service.example.com', '_service.example.com'],
    ['2130706433', '127.0.0.1'],
    ['017700000001', '127.0.0.1'],
    ['0x7f.1', '127.0.0.1'],
    ['127.1.', '127.0.0.1'],
    ['0', '0.0.0.0'],
    ['%31%32%37.0.0.1', '127.0.0.1'],
    ['%EF%BC%91%EF%BC%92%EF%BC%97.0.0.1', '127.0.0.1'],
    ['①②⑦.0.0.1', '127.0.0.1'],
    ['127。0。0。1', '127.0.0.1'],
    ['[::1]', '::1'],
    ['[0:0:0:0:0:0:0:1]', '::1'],
    ['[::FFFF:127.0.0.1]', '::ffff:7f00:1'],
  ])('%s', (spelled, host) => {
    expect(toHost(spelled)).toBe(host)
  })

  test.each([
    '',
    '.',
    '..',
    'example..com',
    '.example.com',
    'example.com..',
    'a b',
    'a/b',
    'a?b',
    'a#b',
    'a\\b',
    'user@host',
    'a:80',
    '::1',
  ])('%j is none', (spelled) => {
    expect(toHost(spelled)).toBeNull()
  })

  test.each([
    '256.1.1.1',
    '1.2.3.4.5',
    '0x100000000',
    '[::1',
    '[::1%25lo]',
    '[]',
    '-a.com',
    'a-.com',
    'a*b.com',
    "a'b.com",
    'a%00b.com',
    'a%2fb.com',
  ])('%j is none', (spelled) => {
    expect(toHost(spelled)).toBeNull()
  })

  test.each([`${'a'.repeat(64)}.com`, `${'a.'.repeat(126)}com`])('longer than DNS has it: %s', (spelled) => {
    expect(toHost(spelled)).toBeNull()
  })

  test('what came out of it stays as it is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.domain(), fc.ipV4(), fc.webAuthority(), fc.string()), (text) => {
        const host = toHost(text)
        if (host === null || host.includes(':')) return
        expect(toHost(host)).toBe(host)
      }),
    )
  })
})

describe('targets', () => {
  test.each([
    ['example.com:443', null, { host: 'example.com', port: 443 }],
    ['example.com', 80, { host: 'example.com', port: 80 }],
    ['example.com:0443', null, { host: 'example.com', port: 443 }],
    ['[::1]:8080', null, { host: '::1', port: 8080 }],
  ] as const)('%s', (authority, port, target) => {
    expect(toTarget(authority, port)).toEqual(target)
  })

  test.each(['', ':443', 'example.com', 'example.com:', 'example.com:0', 'example.com:65536', 'example.com:443:80', 'example.com:+443'])(
    'no target: %j',
    (authority) => {
      expect(toTarget(authority, null)).toBeNull()
    },
  )

  test.each(['user@example.com:443', 'example.com:44 3', '::1:443', '[::1]443', 'b\u00fccher.example:443', 'a\t.com:443', '[::1]:443/x'])(
    'no target: %j',
    (authority) => {
      expect(toTarget(authority, null)).toBeNull()
    },
  )

  test('are read as they are written', () => {
    const hosts = fc.oneof(
      fc.domain(),
      fc.ipV4(),
      fc.ipV6().map((address) => `[${address}]`),
    )
    fc.assert(
      fc.property(hosts, fc.integer({ min: 1, max: 65_535 }), (host, port) => {
        const target = toTarget(`${host}:${port}`, null)
        fc.pre(target !== null)
        expect(toTarget(toAuthority(target), null)).toEqual(target)
      }),
    )
  })
})

test.each(['localhost', 'printer', 'a.localhost', 'a.local', 'metadata.google.internal', 'router.home.arpa', 'x.onion', 'nas.lan'])(
  '%s is a local name',
  (host) => {
    expect(isLocalName(host)).toBe(true)
  },
)

test.each(['example.com', 'localhost.example.com', 'arpa.example', 'notlocal.dev', 'mylocal.net'])('%s is no local name', (host) => {
  expect(isLocalName(host)).toBe(false)
})
