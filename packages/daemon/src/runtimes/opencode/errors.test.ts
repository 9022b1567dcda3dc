import { expect, test } from 'vitest'
import { toOpenCodeError } from './errors.ts'
import type { ModelFailure } from './patient-fetch.ts'
import { RpcError } from '../json-rpc.ts'
import { toSealed, toUnsealed } from './seal.ts'

const told = (message: string, data?: unknown) =>
  toOpenCodeError(new RpcError(-32_603, message, data), { phase: 'prompt', authMethods: [] })
const sealed = (failure: ModelFailure) => told(`Internal error: ${toSealed(JSON.stringify(failure))}`, { errorName: 'APIError' })
const refused = (status: number, message = '') => sealed({ kind: 'refused', status, message })

test('what is sealed is unsealed, and holds no word or number', () => {
  const text = '429: rate limit, fetch failed, 500 overloaded, ünïcödé 🫐'
  expect(toSealed(text)).toMatch(/^codesdkd:[a-p]+$/)
  expect(toUnsealed(`Internal error: ${toSealed(text)}`)).toBe(text)
  expect(toUnsealed('codesdkd: nothing')).toBeNull()
})

test.each([
  [refused(401), 'auth_required', false],
  [refused(403), 'auth_required', false],
  [refused(402), 'usage_limit_reached', false],
  [refused(429), 'rate_limited', true],
  [refused(429, '{"error":{"code":"insufficient_quota"}}'), 'usage_limit_reached', false],
  [refused(400), 'model_request_rejected', false],
  [refused(404), 'model_request_rejected', false],
  [refused(400, 'maximum context length'), 'context_window_exceeded', false],
  [refused(529), 'model_unavailable', true],
  [refused(502, '{"error":{"message":"The endpoint model:1 cannot be reached: ECONNREFUSED."}}'), 'model_unreachable', true],
  [refused(502, 'bad gateway'), 'model_unavailable', true],
  [refused(403, 'Host api.example.com is not allowed in this session.'), 'model_unreachable', false],
  [sealed({ kind: 'unreachable', status: null, message: '' }), 'model_unreachable', true],
  [sealed({ kind: 'interrupted', status: null, message: '' }), 'model_stream_interrupted', true],
  [told('Internal error: too long', { errorName: 'ContextOverflowError' }), 'context_window_exceeded', false],
  [told('Internal error: no key', { errorName: 'ProviderAuthError' }), 'auth_required', false],
  [told('Internal error: odd', { errorName: 'APIError' }), 'model_request_rejected', false],
  [told('Internal error: odd'), 'agent_error', false],
] as const)('%j', (error, code, retryable) => {
  expect(error).toMatchObject({ code, retryable })
})

test('a message names the status and what the provider said, without its URL', () => {
  expect(refused(500, '{"error":{"message":"See https://u:p@example.com/x?key=1"}}').message).toBe('HTTP 500: See https://example.com/x')
  expect(refused(502, '<html>').message).toBe('HTTP 502: <html>')
})
