import { toSealed } from './seal.ts'

/** `fetch` for model calls, which decides how often OpenCode repeats them. Runs inside OpenCode. */
export interface PatientFetch {
  readonly fetch: typeof fetch
  /** OpenCode says that it will try again: the how many-th repetition of this call it is, and why. */
  retrying(attempt: number, reason: string): void
  /** The turn is over. */
  reset(): void
}

/** What went wrong with a model call: the provider refused it with a status, did not answer at all, or not to the end. */
export interface ModelFailure {
  readonly kind: 'refused' | 'unreachable' | 'interrupted'
  readonly status: number | null
  readonly message: string
}

/** What Bun says of a connection that came about and was closed without an answer. */
const closed = /ECONNRESET|EPIPE|ConnectionClosed|connection was closed|terminated/i

const firstPauseMs = 500
const longestPauseMs = 30_000

/**
 * OpenCode repeats a failed call five times, as late as the provider says, be it in a week. This one lets it repeat the call
 * `maxRetries` times, after half a minute at most, and then answers in the provider's place with an error that is not repeated
 * and that tells the daemon what really happened.
 */
export function createPatientFetch(plainFetch: typeof fetch, maxRetries: number): PatientFetch {
  let attempt = 0
  let last: ModelFailure | null = null
  const fail = (failure: ModelFailure): Response => {
    last = failure
    const final = !isTransient(failure.status) || attempt >= maxRetries
    const pause = Math.min(longestPauseMs, firstPauseMs * 2 ** attempt)
    return final ? toFinal(failure) : new Response(failure.message, { status: 503, headers: { 'retry-after-ms': String(pause) } })
  }
  const call = async (target: string | URL | Request, init?: RequestInit): Promise<Response> => {
    if (attempt > maxRetries && last !== null) return toFinal(last)
    let response: Response
    try {
      response = await plainFetch(target, init)
    } catch (error) {
      // Given up by OpenCode itself: the turn was stopped, or it waited too long and says so.
      if (init?.signal?.aborted === true) throw error
      const message = toMessage(error)
      return fail({ kind: closed.test(message) ? 'interrupted' : 'unreachable', status: null, message })
    }
    if (response.ok) {
      attempt = 0
      last = null
      return response
    }
    // Also where the context is too large: OpenCode would replace the person's message with one of its own and go on.
    return fail({ kind: 'refused', status: response.status, message: await response.text().catch(() => '') })
  }
  return {
    fetch: Object.assign(call, plainFetch),
    retrying(count, reason) {
      attempt = count
      last ??= { kind: 'interrupted', status: null, message: reason }
    },
    reset() {
      attempt = 0
      last = null
    },
  }
}

function isTransient(status: number | null): boolean {
  return status === null || status === 408 || status === 429 || status >= 500
}

function toFinal(failure: ModelFailure): Response {
  const body = {
    error: { message: toSealed(JSON.stringify({ ...failure, message: failure.message.slice(0, 2000) })), type: 'x', code: 'x' },
  }
  return new Response(JSON.stringify(body), { status: 400, headers: { 'content-type': 'application/json' } })
}

function toMessage(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error && typeof error.code === 'string' ? `${error.code}: ` : ''
  return `${code}${error.message}`
}
