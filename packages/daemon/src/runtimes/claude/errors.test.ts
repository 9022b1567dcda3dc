import { expect, test } from 'vitest'
import { toTaskError } from './errors.ts'
import type { NativeResult } from './native.ts'

const failing = (message: string, status: number | null): NativeResult => ({
  type: 'result',
  subtype: 'success',
  is_error: true,
  terminal_reason: 'api_error',
  api_error_status: status,
  result: message,
  errors: [],
  usage: null,
  model_usage_since_last_result: null,
  user_message_uuid: null,
})

test.each([
  ['Rate limit reached for requests per minute', 429, 'rate_limited', true],
  ["You've hit your rate limit, slow down", 429, 'rate_limited', true],
  ["You've hit your session limit", 429, 'usage_limit_reached', false],
  ['Claude usage limit reached', 429, 'usage_limit_reached', false],
  ['Invalid API key', 403, 'auth_required', false],
  ['API Error: 502 The endpoint example.com cannot be reached: ECONNREFUSED.', 502, 'model_unreachable', true],
  ['API Error: 502 Bad gateway', 502, 'model_unavailable', true],
  ['Unable to connect to API (ECONNREFUSED)', null, 'model_unreachable', true],
] as const)('%j with status %s is %s', (message, status, code, retryable) => {
  expect(toTaskError({ kind: 'result', result: failing(message, status), error: null })).toMatchObject({ code, retryable })
})
