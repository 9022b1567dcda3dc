import { describe, expect, test } from 'vitest'
import { checkRoute, isWithin } from './bound-keys.ts'

describe('an address is within an endpoint', () => {
  test.each([
    ['https://api.example.com/v1', 'https://api.example.com/v1'],
    ['https://API.example.com:443/v1/', 'https://api.example.com/v1'],
    ['https://api.example.com/v1/deep', 'https://api.example.com/v1/'],
    ['https://api.example.com', 'https://api.example.com'],
    ['https://api.example.com/any%20thing', 'https://api.example.com'],
  ])('%s in %s', (upstream, endpoint) => expect(isWithin(upstream, endpoint)).toBe(true))

  test.each([
    ['http://api.example.com/v1', 'https://api.example.com/v1'],
    ['https://api.example.com:8443/v1', 'https://api.example.com/v1'],
    ['https://api.example.com.evil.example/v1', 'https://api.example.com/v1'],
    ['https://api.example.com@evil.example/v1', 'https://api.example.com/v1'],
    ['https://evil.example/https://api.example.com/v1', 'https://api.example.com/v1'],
    ['https://api.example.com/v10', 'https://api.example.com/v1'],
    ['https://api.example.com/v1/../v2', 'https://api.example.com/v1'],
    ['https://api.example.com/v1/..%2fv2', 'https://api.example.com/v1'],
    ['https://api.example.com', 'https://api.example.com/v1'],
    ['nonsense', 'https://api.example.com'],
    ['file:///etc', 'file:///etc'],
  ])('not %s in %s', (upstream, endpoint) => expect(isWithin(upstream, endpoint)).toBe(false))
})

const keys = [{ variable: 'OPENAI_API_KEY', secret: 'sk-stored', endpoints: ['https://api.openai.com/v1'] }]
const route = (upstream: string, secret: string | null = 'sk-stored') => ({
  upstream,
  credential: secret === null ? null : ({ kind: 'bearer', secret } as const),
})

test('a bound key goes to its endpoint, every other credential anywhere', () => {
  checkRoute(route('https://api.openai.com/v1'), keys)
  checkRoute(route('https://evil.example', 'sk-of-the-session'), keys)
  checkRoute(route('https://evil.example', null), keys)
  checkRoute(route('https://second.example'), [...keys, { variable: 'MORE', secret: 'sk-stored', endpoints: ['https://second.example'] }])
})

test('to another endpoint it does not go; the error says where it may, and not what it is', () => {
  const send = () => checkRoute(route('https://evil.example/v1?x=secret'), keys)
  expect(send).toThrow(/OPENAI_API_KEY is for https:\/\/api\.openai\.com\/v1, and the session asks https:\/\/evil\.example\/v1 with it\./)
  expect(send).not.toThrow(/sk-stored|x=secret/)
  expect(send).toThrow(expect.objectContaining({ failure: expect.objectContaining({ code: 'auth_required', retryable: false }) }))
  expect(() => checkRoute(route('https://a.example'), [{ variable: 'K', secret: 'sk-stored', endpoints: [] }])).toThrow(
    /bound to no endpoint/,
  )
})
