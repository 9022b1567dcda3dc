import { expect, test } from 'vitest'
import { isRefreshed } from './refreshed-login.ts'

const toToken = (claims: object, signature = 'a') =>
  ['{"alg":"RS256"}', JSON.stringify(claims), signature].map((part) => Buffer.from(part).toString('base64url')).join('.')

const known = {
  account: { id: 'acct-1', email: 'ada@example.com' },
  access_token: 'old-access',
  refresh_token: 'old-refresh',
  id_token: toToken({ sub: '1', iat: 1 }),
  token_type: 'Bearer',
  resource_url: 'https://model.example.com',
  expiry_date: 1,
  lastRefreshedAt: '2026-01-01T00:00:00Z',
}
const change = (more: object) => isRefreshed(JSON.stringify({ ...known, ...more }), JSON.stringify(known))

test('tokens and times may be new', () => {
  expect(change({})).toBe(true)
  expect(change({ access_token: 'new', refresh_token: 'newer', id_token: toToken({ sub: '1', iat: 2 }, 'b') })).toBe(true)
  expect(change({ expiry_date: 2, lastRefreshedAt: '2026-01-02T00:00:00Z', session_token: 'added' })).toBe(true)
})

test.each([
  ['another account', { account: { id: 'acct-2', email: 'ada@example.com' } }],
  ['less of an account', { account: { id: 'acct-1' } }],
  ['a token of somebody else', { id_token: toToken({ sub: '2', iat: 2 }) }],
  ['a token that does not say whose it is any more', { id_token: 'opaque' }],
  ['another address of the model', { resource_url: 'https://evil.example' }],
  ['another kind of value', { expiry_date: 'soon' }],
  ['no token', { access_token: '' }],
  ['a member that was not there', { command: 'sh' }],
  ['a lot', { access_token: 'x'.repeat(10_000) }],
  ['a list', { account: ['acct-1'] }],
])('%s is another login', (_what, more) => expect(change(more)).toBe(false))

test('nor is half a file, a file without one of its members, or one whose content nobody understands', () => {
  const { refresh_token: _, ...less } = known
  const text = JSON.stringify(known)
  for (const [after, before] of [
    [JSON.stringify(less), text],
    [text.slice(0, -3), text],
    ['null', text],
    ['[]', '[]'],
    ['token: new', 'token: old'],
  ] as const)
    expect(isRefreshed(after, before)).toBe(false)
})
