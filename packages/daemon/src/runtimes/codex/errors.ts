import type { TaskError, TaskErrorCode } from '@codesdkd/protocol'
import type { NativeError } from './native.ts'
import { toSafeMessage } from '../safe-message.ts'

type Verdict = readonly [code: TaskErrorCode, retryable: boolean]

const named: Readonly<Record<string, Verdict>> = {
  contextWindowExceeded: ['context_window_exceeded', false],
  sessionBudgetExceeded: ['usage_limit_reached', false],
  usageLimitExceeded: ['usage_limit_reached', false],
  rateLimitExceeded: ['rate_limited', true],
  flexUnavailable: ['model_unavailable', true],
  serverOverloaded: ['model_unavailable', true],
  policyCapacityUnavailable: ['model_unavailable', true],
  internalServerError: ['model_unavailable', true],
  modelNotFound: ['model_request_rejected', false],
  inferenceHookDenied: ['model_request_rejected', false],
  cyberPolicy: ['model_request_rejected', false],
  misalignmentPolicyViolation: ['model_request_rejected', false],
  badRequest: ['model_request_rejected', false],
  unauthorized: ['auth_required', false],
}

// Codex reports some failures only as text.
const phrased: readonly (readonly [RegExp, Verdict])[] = [
  [/missing environment variable/i, ['auth_required', false]],
  [/stream disconnected|stream closed|idle timeout/i, ['model_stream_interrupted', true]],
  [/"error"\s*:|bad request|invalid_request|status 4\d\d/i, ['model_request_rejected', false]],
]

/** What ended a turn, in the daemon's words. */
export function toTaskError(error: NativeError): TaskError {
  const [code, retryable] = toVerdict(error)
  return { code, message: toSafeMessage(error.message) || 'The agent failed without a message.', retryable }
}

/** What the gateway answers for an endpoint with which there is no connection. */
const unreachable = /unexpected status 50[24] [^:]*: The endpoint \S+ cannot be reached: /

function toVerdict({ message, codexErrorInfo, additionalDetails }: NativeError): Verdict {
  if (unreachable.test(message)) return ['model_unreachable', true]
  if (typeof codexErrorInfo === 'string' && Object.hasOwn(named, codexErrorInfo)) return named[codexErrorInfo] ?? ['agent_error', false]
  if (codexErrorInfo !== null && typeof codexErrorInfo === 'object') {
    const [kind = '', detail] = Object.entries(codexErrorInfo)[0] ?? []
    if (connectionKinds.has(kind)) return fromHttp(toHttpStatus(detail), kind)
  }
  const text = `${message}\n${additionalDetails ?? ''}`
  return phrased.find(([pattern]) => pattern.test(text))?.[1] ?? ['agent_error', false]
}

const connectionKinds: ReadonlySet<string> = new Set([
  'httpConnectionFailed',
  'responseStreamConnectionFailed',
  'responseStreamDisconnected',
  'responseTooManyFailedAttempts',
])

function fromHttp(status: number | null, kind: string): Verdict {
  if (status === null) return kind === 'responseStreamDisconnected' ? ['model_stream_interrupted', true] : ['model_unreachable', true]
  if (status === 401 || status === 403) return ['auth_required', false]
  if (status === 429) return ['rate_limited', true]
  if (status >= 500) return ['model_unavailable', true]
  return status >= 400 ? ['model_request_rejected', false] : ['model_stream_interrupted', true]
}

function toHttpStatus(detail: unknown): number | null {
  if (typeof detail !== 'object' || detail === null || !('httpStatusCode' in detail)) return null
  return typeof detail.httpStatusCode === 'number' ? detail.httpStatusCode : null
}
