import type { TaskError, TaskErrorCode } from '@codesdkd/protocol'
import * as z from 'zod'
import { toTaskError, toVerdict } from '../acp/errors.ts'
import type { ErrorContext } from '../acp/profile.ts'
import type { RpcError } from '../json-rpc.ts'
import { toSafeMessage } from '../safe-message.ts'
import type { ModelFailure } from './patient-fetch.ts'
import { toUnsealed } from './seal.ts'

type Verdict = readonly [code: TaskErrorCode, retryable: boolean]

const failure = z.object({
  kind: z.enum(['refused', 'unreachable', 'interrupted']),
  status: z.int().nullable(),
  message: z.string(),
}) satisfies z.ZodType<ModelFailure>
const named = z.object({ errorName: z.string() })

/** What ended a turn, in the daemon's words: the guard's account of it, else OpenCode's. Pure and total. */
export function toOpenCodeError(error: RpcError, context: ErrorContext): TaskError {
  const told = toFailure(error.message)
  if (told !== null) {
    const [code, retryable] = toModelVerdict(told)
    const status = told.status === null ? '' : `HTTP ${told.status}: `
    return { code, message: toSafeMessage(`${status}${toWords(told.message)}`), retryable }
  }
  const message = error.message.replace(/^Internal error: /, '')
  const name = named.safeParse(error.data).data?.errorName
  if (name === 'ContextOverflowError') return { code: 'context_window_exceeded', message: toSafeMessage(message), retryable: false }
  if (name === 'ProviderAuthError') return { code: 'auth_required', message: toSafeMessage(message), retryable: false }
  if (name === 'APIError' && toVerdict(message)[0] === 'agent_error') {
    // Other answers of a provider come sealed.
    return { code: 'model_request_rejected', message: toSafeMessage(message), retryable: false }
  }
  return toTaskError(error, context)
}

function toFailure(message: string): ModelFailure | null {
  const text = toUnsealed(message)
  if (text === null) return null
  try {
    return failure.parse(JSON.parse(text))
  } catch {
    return null
  }
}

/** What the daemon itself answers, for an endpoint that it cannot reach, and for one that the session does not allow. */
const unreachable = /The endpoint \S+ cannot be reached: /
const refusedHost = /^Host \S+ is not allowed in this session/

function toModelVerdict({ kind, status, message }: ModelFailure): Verdict {
  if (kind === 'unreachable' || ((status === 502 || status === 504) && unreachable.test(message))) return ['model_unreachable', true]
  if (status === 403 && refusedHost.test(message)) return ['model_unreachable', false]
  if (kind === 'interrupted' || status === null) return ['model_stream_interrupted', true]
  if (status === 401 || status === 403) return ['auth_required', false]
  if (status === 402 || (status === 429 && toVerdict(message)[0] === 'usage_limit_reached')) return ['usage_limit_reached', false]
  if (status === 429) return ['rate_limited', true]
  if (status >= 500 || status === 408) return ['model_unavailable', true]
  return toVerdict(message)[0] === 'context_window_exceeded' ? ['context_window_exceeded', false] : ['model_request_rejected', false]
}

/** The message of a provider's answer, which mostly is JSON. */
function toWords(answer: string): string {
  try {
    const parsed = z.object({ error: z.union([z.string(), z.object({ message: z.string() })]) }).safeParse(JSON.parse(answer))
    if (!parsed.success) return answer
    return typeof parsed.data.error === 'string' ? parsed.data.error : parsed.data.error.message
  } catch {
    return answer
  }
}
