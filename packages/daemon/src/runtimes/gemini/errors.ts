import type { TaskError, TaskErrorCode } from '@codesdkd/protocol'
import * as z from 'zod'
import { toTaskError as toAcpError } from '../acp/errors.ts'
import type { ErrorContext } from '../acp/profile.ts'
import type { RpcError } from '../json-rpc.ts'
import { toSafeMessage } from '../safe-message.ts'

type Verdict = readonly [code: TaskErrorCode, retryable: boolean]

/** An error of the agent, whose code is the status of the model's answer; 500 for all that is no answer. Pure and total. */
export function toTaskError(error: RpcError, context: ErrorContext): TaskError {
  if (error.code < 400 || error.code > 599) return toAcpError(error, context)
  const message = toInnerMessage(error.message)
  const [code, retryable] = toVerdict(error.code, message)
  return { code, message: toSafeMessage(message) || 'The agent failed without a message.', retryable }
}

function toVerdict(status: number, message: string): Verdict {
  const text = message.toLowerCase()
  if (/(?:token count|number of tokens|context (?:length|window)).*(?:exceed|maximum)|exceed.*(?:tokens|context)/s.test(text))
    return ['context_window_exceeded', false]
  if (/api key not valid|api_key_invalid|api key expired|unauthenticated/.test(text)) return ['auth_required', false]
  if (status === 401 || status === 403) return ['auth_required', false]
  if (status === 429) return isUsedUp(text) ? ['usage_limit_reached', false] : ['rate_limited', true]
  if (status < 500) return ['model_request_rejected', false]
  // The agent tells no status of a model that is not there.
  if (/\bnot found\b/.test(text)) return ['model_request_rejected', false]
  if (/fetch failed|econnrefused|enotfound|eai_again|connect timeout/.test(text)) return ['model_unreachable', true]
  if (/terminated|premature close|econnreset|incomplete json|aborted|timeout/.test(text)) return ['model_stream_interrupted', true]
  return ['model_unavailable', true]
}

// A quota of a minute is told in the same words as one of a day, but with the time after which to try again.
function isUsedUp(text: string): boolean {
  return /per ?day|daily|billing|quota (?:has been )?exhausted/.test(text) && !/retry in/.test(text)
}

const nested = z.union([
  z.object({ error: z.object({ message: z.string() }) }).transform(({ error }) => error.message),
  z.tuple([z.object({ error: z.object({ message: z.string() }) })]).transform(([{ error }]) => error.message),
])

/** The message inside a message that is an answer of the model's API as JSON, and again. */
function toInnerMessage(message: string): string {
  let inner = message
  for (let depth = 0; depth < 3; depth += 1) {
    try {
      const parsed = nested.safeParse(JSON.parse(inner))
      if (!parsed.success) return inner
      inner = parsed.data
    } catch {
      return inner
    }
  }
  return inner
}
