import type { TaskError, TaskErrorCode } from '@codesdkd/protocol'
import type { TurnEnd } from './state.ts'
import { toSafeMessage } from '../safe-message.ts'

type Verdict = readonly [code: TaskErrorCode, retryable: boolean]

/** What Claude Code says only in words. The first that fits counts. */
const phrased: readonly (readonly [RegExp, Verdict])[] = [
  [/prompt is too long|context (?:window|limit)|exceeds? .*context/i, ['context_window_exceeded', false]],
  [/usage limit|(?<!rate )limit reached|hit your (?!rate ).*limit|credit balance|quota|billing/i, ['usage_limit_reached', false]],
  [/not logged in|please run \/login|invalid api key|oauth token|authentication/i, ['auth_required', false]],
]

/** What a failed connection looks like. */
const connections: readonly (readonly [RegExp, Verdict])[] = [
  [/ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|connection refused|could not resolve/i, ['model_unreachable', true]],
  [/dropped|ECONNRESET|EPIPE|idle timeout|timed out|terminated|socket|stream|malformed|closed/i, ['model_stream_interrupted', true]],
  [/connect/i, ['model_unreachable', true]],
]

/** What the gateway answers for an endpoint with which there is no connection. */
const unreachable = /The endpoint \S+ cannot be reached: /

const named: Readonly<Record<string, Verdict>> = {
  authentication_failed: ['auth_required', false],
  oauth_org_not_allowed: ['auth_required', false],
  billing_error: ['usage_limit_reached', false],
  rate_limit: ['rate_limited', true],
  overloaded: ['model_unavailable', true],
  server_error: ['model_unavailable', true],
  invalid_request: ['model_request_rejected', false],
  model_not_found: ['model_request_rejected', false],
}

/** What ended a turn, in the daemon's words; null for one that came to a good end. */
export function toTaskError(end: TurnEnd): TaskError | null {
  if (end.kind === 'cancelled') return { code: 'agent_error', message: 'Claude took the prompt back before it began.', retryable: true }
  const { is_error, subtype, terminal_reason, result, errors } = end.result
  if (!is_error && subtype === 'success') return null
  const message = result ?? errors.join('\n')
  const [code, retryable] = toVerdict(end, message)
  return { code, message: toSafeMessage(message) || `Claude ended the turn: ${terminal_reason ?? subtype}.`, retryable }
}

function toVerdict({ result, error }: Extract<TurnEnd, { kind: 'result' }>, message: string): Verdict {
  if (result.terminal_reason === 'prompt_too_long') return ['context_window_exceeded', false]
  if (result.terminal_reason === 'budget_exhausted') return ['usage_limit_reached', false]
  const status = result.api_error_status ?? null
  const words = phrased.find(([pattern]) => pattern.test(message))?.[1]
  // Only a refusal can mean more than its number says.
  if (status !== null && status < 500) return words ?? fromRefusal(status)
  if (status !== null) return [unreachable.test(message) ? 'model_unreachable' : 'model_unavailable', true]
  if (words !== undefined) return words
  if (result.terminal_reason !== 'api_error') return ['agent_error', false]
  return connections.find(([pattern]) => pattern.test(message))?.[1] ?? named[error ?? ''] ?? ['agent_error', false]
}

function fromRefusal(status: number): Verdict {
  if (status === 401 || status === 403) return ['auth_required', false]
  return status === 429 ? ['rate_limited', true] : ['model_request_rejected', false]
}
