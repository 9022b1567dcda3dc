import { Problem } from '@codesdkd/protocol'
import { describe, expect, test } from 'vitest'
import { owner } from '../core/rights.ts'
import type { AccessRules } from './context.ts'
import { identify, readHeaders, refuseOrigin, type RequestHead } from './gates.ts'

const P = 12345
const rules: AccessRules = {
  auth: 'token',
  allowedHosts: ['hub.example'],
  allowedOrigins: ['https://hub.example'],
  basePath: '',
}

const tokens = {
  isMinted: (token: string) => token.startsWith('minted'),
  find: (token: string) => (token === 'TOK' || token === 'minted-1' ? { ...owner, name: token } : null),
}

function refuseToken(request: RequestHead, access: AccessRules): Problem | null {
  const found = identify(request, access, tokens)
  return found instanceof Problem ? found : null
}

function head(headers: readonly (readonly [string, string])[], rest: Partial<RequestHead> = {}): RequestHead {
  return {
    httpVersion: '1.1',
    method: 'GET',
    url: '/health',
    ...readHeaders(headers.flat()),
    local: { address: '127.0.0.1', port: P },
    ...rest,
  }
}

const own = ['Host', `127.0.0.1:${P}`] as const

test('headers of any name are read, with all their values', () => {
  const { headers, headerCount } = readHeaders(['Host', 'a', '__proto__', 'b', 'HOST', 'c', 'constructor', 'd'])
  expect([...headers]).toEqual([
    ['host', ['a', 'c']],
    ['__proto__', ['b']],
    ['constructor', ['d']],
  ])
  expect(headerCount).toBe(4)
})

describe('Host', () => {
  test.each([
    [`127.0.0.1:${P}`, null],
    [`localhost:${P}`, null],
    [`LOCALHOST:${P}`, null],
    [`[::1]:${P}`, null],
    ['hub.example', null],
    ['HUB.example', null],
    ['', 'host_not_allowed'],
    ['hub.example.evil', 'host_not_allowed'],
    ['hub.example:444', 'host_not_allowed'],
    [`127.0.0.1.evil.com:${P}`, 'host_not_allowed'],
    [`localhost.evil.com:${P}`, 'host_not_allowed'],
    [`0.0.0.0:${P}`, 'host_not_allowed'],
    [`0:${P}`, 'host_not_allowed'],
    [`127.1:${P}`, 'host_not_allowed'],
    [`2130706433:${P}`, 'host_not_allowed'],
    [`0x7f.1:${P}`, 'host_not_allowed'],
    [`127.0.0.2:${P}`, 'host_not_allowed'],
    [`[::ffff:127.0.0.1]:${P}`, 'host_not_allowed'],
    [`[::]:${P}`, 'host_not_allowed'],
    [`127.0.0.1:${P + 1}`, 'host_not_allowed'],
    ['127.0.0.1', 'host_not_allowed'],
    [`localhost.:${P}`, 'host_not_allowed'],
    ['a b', 'host_not_allowed'],
    [`127.0.0.1:${P}@evil`, 'host_not_allowed'],
    [`user@127.0.0.1:${P}`, 'host_not_allowed'],
    [`127.0.0.1:${P}, evil.com`, 'host_not_allowed'],
  ])('%j -> %s', (host, code) => {
    expect(refuseOrigin(head([['Host', host]]), rules)?.code ?? null).toBe(code)
  })

  test('no Host at all', () => {
    expect(refuseOrigin(head([], { httpVersion: '1.0' }), rules)?.code).toBe('host_required')
    expect(refuseOrigin(head([], { httpVersion: '0.9' }), rules)?.code).toBe('host_required')
  })

  test('a second Host cannot hide behind the first', () => {
    expect(refuseOrigin(head([own, ['host', 'evil.com']]), rules)?.code).toBe('invalid_request')
  })

  test('X-Forwarded-Host says nothing', () => {
    expect(refuseOrigin(head([own, ['X-Forwarded-Host', 'evil.com']]), rules)).toBeNull()
  })

  test('without a port only on port 80', () => {
    const local = { address: '127.0.0.1', port: 80 }
    expect(refuseOrigin(head([['Host', '127.0.0.1']], { local }), rules)).toBeNull()
    expect(refuseOrigin(head([['Host', '127.0.0.1:80']], { local }), rules)).toBeNull()
  })

  test('the address of a bind beyond loopback is a name too, and no other', () => {
    const local = { address: '::ffff:192.0.2.7', port: P }
    expect(refuseOrigin(head([['Host', `192.0.2.7:${P}`]], { local }), rules)).toBeNull()
    expect(refuseOrigin(head([['Host', `192.0.2.8:${P}`]], { local }), rules)?.code).toBe('host_not_allowed')
  })

  test('a Unix socket is called localhost', () => {
    expect(refuseOrigin(head([['Host', 'localhost']], { local: null }), rules)).toBeNull()
    expect(refuseOrigin(head([['Host', 'evil.com']], { local: null }), rules)?.code).toBe('host_not_allowed')
  })
})

describe('request target', () => {
  test.each(['http://evil.com/health', '*', 'evil.com:443', ''])('%j is no path', (url) => {
    expect(refuseOrigin(head([own], { url }), rules)?.code).toBe('invalid_request')
  })

  test('//evil.com/sessions is a path like any other', () => {
    expect(refuseOrigin(head([own], { url: '//evil.com/sessions' }), rules)).toBeNull()
  })

  test('more than 100 headers', () => {
    const many = Array.from({ length: 100 }, (_unused, index) => [`x-${index}`, '1'] as const)
    expect(refuseOrigin(head([own, ...many]), rules)?.code).toBe('invalid_request')
    expect(refuseOrigin(head([own, ...many.slice(1)]), rules)).toBeNull()
  })
})

describe('Origin, Sec-Fetch-Site, Referer', () => {
  const rows: readonly (readonly [readonly (readonly [string, string])[], string | null])[] = [
    [[['Origin', 'https://evil.com']], 'origin_not_allowed'],
    [[['Origin', 'null']], 'origin_not_allowed'],
    [[['Origin', `http://127.0.0.1:${P + 1}`]], 'origin_not_allowed'],
    [[['Origin', 'http://localhost:3000']], 'origin_not_allowed'],
    [[['Origin', `https://127.0.0.1:${P}`]], 'origin_not_allowed'],
    [[['Origin', '']], 'origin_not_allowed'],
    [[['Origin', 'garbage']], 'origin_not_allowed'],
    [[['Origin', 'https://hub.example.evil']], 'origin_not_allowed'],
    [[['Origin', `http://127.0.0.1:${P}`]], null],
    [[['Origin', 'https://hub.example']], null],
    [
      [
        ['Origin', 'https://hub.example'],
        ['Origin', 'https://evil.com'],
      ],
      'origin_not_allowed',
    ],
    [
      [
        ['Origin', 'https://hub.example'],
        ['Sec-Fetch-Site', 'cross-site'],
        ['Referer', 'https://hub.example/page'],
      ],
      null,
    ],
    [
      [
        ['Origin', `http://127.0.0.1:${P}`],
        ['Sec-Fetch-Site', 'cross-site'],
      ],
      'cross_site_blocked',
    ],
    [[['Sec-Fetch-Site', 'cross-site']], 'cross_site_blocked'],
    [[['Sec-Fetch-Site', 'same-site']], 'cross_site_blocked'],
    [
      [
        ['Sec-Fetch-Site', 'none'],
        ['Sec-Fetch-Site', 'cross-site'],
      ],
      'cross_site_blocked',
    ],
    [[['Sec-Fetch-Site', 'something-new']], 'cross_site_blocked'],
    [[['Sec-Fetch-Site', 'same-origin']], null],
    [
      [
        ['Sec-Fetch-Site', 'none'],
        ['Sec-Fetch-Mode', 'navigate'],
      ],
      null,
    ],
    [[['Sec-Fetch-Mode', 'cors']], null],
    [[['Referer', 'https://evil.com/']], 'origin_not_allowed'],
    [[['Referer', 'not a url']], 'origin_not_allowed'],
    [[['Referer', `http://127.0.0.1:${P}/docs`]], null],
    [[['Referer', 'https://hub.example/page?x=1']], null],
    [[['Referer', '']], null],
  ]
  test.each(rows)('%j -> %s', (headers, code) => {
    for (const method of ['GET', 'POST', 'HEAD', 'OPTIONS']) {
      expect(refuseOrigin(head([own, ...headers], { method }), rules)?.code ?? null).toBe(code)
    }
  })
})

describe('Authorization', () => {
  test.each([
    [[], 'unauthorized'],
    [['Bearer '], 'unauthorized'],
    [['Bearer'], 'unauthorized'],
    [['Bearer TOX'], 'unauthorized'],
    [['Bearer TOKTOK'], 'unauthorized'],
    [['Basic TOK'], 'unauthorized'],
    [['TOK'], 'unauthorized'],
    [['Bearer TOK'], null],
    [['Bearer TOK '], null],
    [['bearer TOK'], null],
    [['BEARER  TOK'], null],
    [['Bearer TOK', 'Bearer TOK'], 'invalid_request'],
    [['Bearer TOK', 'Bearer bad'], 'invalid_request'],
  ])('%j -> %s', (values, code) => {
    expect(refuseToken(head([own, ...values.map((value) => ['Authorization', value] as const)]), rules)?.code ?? null).toBe(code)
  })

  test('neither a cookie nor the query carries a token', () => {
    expect(refuseToken(head([own, ['Cookie', 'token=TOK']], { url: '/health?token=TOK' }), rules)?.code).toBe('unauthorized')
  })

  test.each(['none', 'same-user'] as const)('mode %s asks for none, takes a minted one, and refuses one that is over', (auth) => {
    const asked = (...values: readonly string[]) =>
      identify(head([own, ...values.map((value) => ['Authorization', value] as const)]), { ...rules, auth }, tokens)
    expect(asked()).toBe(owner)
    expect(asked('Bearer something-else')).toBe(owner)
    expect(asked('Basic abc')).toBe(owner)
    expect(asked('Bearer minted-1')).toMatchObject({ name: 'minted-1' })
    expect(asked('Bearer minted-2')).toMatchObject({ code: 'unauthorized' })
  })
})
