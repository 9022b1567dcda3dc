import type { TaskError, TaskErrorCode } from '@codesdkd/protocol'
import type { ErrorContext } from './profile.ts'
import type { RpcError } from '../json-rpc.ts'
import { toSafeMessage } from '../safe-message.ts'

type Verdict = readonly [code: TaskErrorCode, retryable: boolean]

/** The protocol's own code of an agent that wants a login first. */
export const authRequired = -32_000

// The protocol has no codes for what goes wrong with a model: only the text tells. The first that fits counts.
const phrased: readonly (readonly [RegExp, Verdict])[] = [
  [
    /context[ _](?:window|length)|maximum context|prompt is too long|too many tokens|exceeds? the (?:maximum|context)/i,
    ['context_window_exceeded', false],
  ],
  [
    /insufficient[_ ]quota|usage[_ ]limit|quota (?:was |has been )?exceeded|exceeded your (?:current )?quota|billing/i,
    ['usage_limit_reached', false],
  ],
  [/\b429\b|rate[ _-]?limit|too many requests|resource[_ ]exhausted/i, ['rate_limited', true]],
  [
    /\b40[13]\b|unauthori[sz]ed|forbidden|invalid (?:api )?key|api key (?:is )?(?:missing|invalid|not valid)|authentication/i,
    ['auth_required', false],
  ],
  [
    /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|fetch failed|connection error|connect timeout|network error/i,
    ['model_unreachable', true],
  ],
  [
    /ECONNRESET|socket hang up|terminated|premature close|stream (?:was |has )?(?:ended|closed|disconnected|interrupted)|timed? ?out|timeout|idle/i,
    ['model_stream_interrupted', true],
  ],
  [/\b5\d\d\b|overloaded|internal server error|service unavailable|bad gateway/i, ['model_unavailable', true]],
  [/\b4\d\d\b|bad request|invalid[_ ]request|model .{0,80}not found|unknown model/i, ['model_request_rejected', false]],
]

/** An agent's error in the daemon's words: the default of a profile. Pure and total. */
export function toTaskError(error: RpcError, { authMethods }: ErrorContext): TaskError {
  const details = toDetails(error.data)
  const said = error.message.includes(details) ? error.message : `${error.message}: ${details}`
  if (error.code === authRequired) {
    const ways = authMethods.length === 0 ? '' : ` It offers: ${authMethods.join(', ')}.`
    return { code: 'auth_required', message: toSafeMessage(`The agent wants a login: ${said}.${ways}`), retryable: false }
  }
  const [code, retryable] = toVerdict(said)
  return { code, message: toSafeMessage(said) || 'The agent failed without a message.', retryable }
}

/** What a text of an agent says of a failure; `agent_error` where it says nothing that is known. */
export function toVerdict(text: string): Verdict {
  return phrased.find(([pattern]) => pattern.test(text))?.[1] ?? ['agent_error', false]
}

function toDetails(data: unknown): string {
  if (typeof data === 'string') return data
  if (typeof data !== 'object' || data === null) return ''
  for (const field of ['details', 'message', 'error', 'errorMessage']) {
    const value = new Map<string, unknown>(Object.entries(data)).get(field)
    if (typeof value === 'string' && value !== '') return value
  }
  return ''
}
