import { expect, test } from 'vitest'
import { toTaskError } from './errors.ts'
import { RpcError } from '../json-rpc.ts'

const context = { phase: 'prompt', authMethods: ['gemini-api-key'] } as const
const verdict = (code: number, message: string) => {
  const { code: told, retryable } = toTaskError(new RpcError(code, message), context)
  return [told, retryable]
}

test.each([
  [
    400,
    '{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT"}}',
    'auth_required',
    false,
  ],
  [400, 'The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).', 'context_window_exceeded', false],
  [400, 'Invalid JSON payload received.', 'model_request_rejected', false],
  [403, 'The caller does not have permission', 'auth_required', false],
  [429, 'You exceeded your current quota, please check your plan and billing details. Please retry in 31.2s.', 'rate_limited', true],
  [429, 'You exceeded your current quota, please check your plan and billing details.', 'usage_limit_reached', false],
  [429, 'Rate limit exceeded. Try again later.', 'rate_limited', true],
  [500, 'models/none is not found for API version v1beta', 'model_request_rejected', false],
  [500, 'exception TypeError: fetch failed sending request', 'model_unreachable', true],
  [500, 'terminated', 'model_stream_interrupted', true],
  [503, 'The model is overloaded. Please try again later.', 'model_unavailable', true],
  [-32000, 'Gemini API key is missing or not configured.', 'auth_required', false],
  [-32603, 'Internal error', 'agent_error', false],
])('%i %s', (code, message, expected, retryable) => {
  expect(verdict(code, message)).toEqual([expected, retryable])
})

test('a message inside a message is what is told', () => {
  const inner = JSON.stringify({ error: { code: 500, message: 'An internal error has occurred' } })
  const outer = JSON.stringify([{ error: { message: inner } }])
  expect(toTaskError(new RpcError(500, outer), context)).toEqual({
    code: 'model_unavailable',
    message: 'An internal error has occurred',
    retryable: true,
  })
})
