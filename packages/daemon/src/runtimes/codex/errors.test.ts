import { expect, test } from 'vitest'
import { toTaskError } from './errors.ts'

const error = (message: string, codexErrorInfo: string | Record<string, unknown> | null = null) =>
  toTaskError({ message, codexErrorInfo, additionalDetails: null })

test('what Codex names decides, then the HTTP status, then the words', () => {
  expect(error('x', 'usageLimitExceeded')).toMatchObject({ code: 'usage_limit_reached', retryable: false })
  expect(error('x', { responseTooManyFailedAttempts: { httpStatusCode: 503 } })).toMatchObject({
    code: 'model_unavailable',
    retryable: true,
  })
  expect(error('stream disconnected before completion', 'other')).toMatchObject({ code: 'model_stream_interrupted', retryable: true })
  expect(error('Missing environment variable: `X`.', 'other')).toMatchObject({ code: 'auth_required', retryable: false })
})

test('an endpoint that the gateway cannot reach is unreachable, and one that says so of itself is not', () => {
  const told =
    'unexpected status 502 Bad Gateway: The endpoint api.example.com cannot be reached: ENOTFOUND., url: http://127.0.0.1:8080/model/responses'
  const status = { responseTooManyFailedAttempts: { httpStatusCode: 502 } }
  expect(error(told, status)).toMatchObject({ code: 'model_unreachable', retryable: true })
  expect(error('unexpected status 502 Bad Gateway: try later', status)).toMatchObject({ code: 'model_unavailable' })
})

test('what nobody knows is an error of the agent', () => {
  for (const info of ['brandNew', 'constructor', {}, { brandNew: 1 }, { httpConnectionFailed: 'x' }])
    expect(error('', info).message).not.toBe('')
  expect(error('it broke', 'brandNew')).toEqual({ code: 'agent_error', message: 'it broke', retryable: false })
})
