import { isProblemCode, type ProblemCode } from '@codesdkd/protocol'

/**
 * The daemon, or something in front of it, refused a request. `code` is one of the catalogue of problems; one that this client does not
 * know comes as it is, and `unexpected_reply` is an answer that is none of the daemon's.
 */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly code: ProblemCode | 'unexpected_reply' | (string & {})
  readonly status: number
  /** The same request may succeed later. */
  readonly retryable: boolean
  /** Seconds until a retry makes sense; null where the daemon does not say. */
  readonly retryAfter: number | null
  /** The name under which the log of the daemon has it. */
  readonly requestId: string | null
  /** What else the problem says: `allowed`, `limit`, `expected`, ids … */
  readonly members: Readonly<Record<string, unknown>>

  constructor(message: string, about: Pick<ApiError, 'code' | 'status' | 'retryable' | 'retryAfter' | 'requestId' | 'members'>) {
    super(message)
    this.code = about.code
    this.status = about.status
    this.retryable = about.retryable
    this.retryAfter = about.retryAfter
    this.requestId = about.requestId
    this.members = about.members
  }
}

/** The daemon could not be reached, or the connection was lost before the answer was whole. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError'
}

/** True for an `ApiError`, with one of these codes where some are named. */
export function isApiError(error: unknown, ...codes: readonly ProblemCode[]): error is ApiError {
  return error instanceof ApiError && (codes.length === 0 || (isProblemCode(error.code) && codes.includes(error.code)))
}

const standard = new Set(['type', 'title', 'status', 'detail', 'error', 'message', 'request_id', 'retryable'])
/** What proxies answer while the daemon behind them is away. */
const passing = new Set([502, 503, 504])

/** The error that an answer tells; reads its body, and never rejects. */
export async function toApiError(response: Response): Promise<ApiError> {
  const problem = await readProblem(response)
  const { status } = response
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN)
  const retryAfter = Number.isFinite(seconds) ? seconds : null
  if (problem === null) {
    const about = { code: 'unexpected_reply', status, retryable: passing.has(status), retryAfter, requestId: null, members: {} }
    return new ApiError(`The answer is HTTP ${status} and no problem of codesdkd.`, about)
  }
  return new ApiError(problem.detail, {
    code: problem.error,
    status,
    retryable: problem.retryable,
    retryAfter,
    requestId: problem.request_id,
    members: Object.fromEntries(Object.entries(problem.all).filter(([name]) => !standard.has(name))),
  })
}

async function readProblem(response: Response) {
  const all: unknown = await response.json().catch(() => null)
  if (typeof all !== 'object' || all === null || !('error' in all) || typeof all.error !== 'string') return null
  const text = (name: string) => {
    const value: unknown = Object.entries(all).find(([key]) => key === name)?.[1]
    return typeof value === 'string' ? value : null
  }
  return {
    all,
    error: all.error,
    detail: text('detail') ?? all.error,
    request_id: text('request_id'),
    retryable: 'retryable' in all && all.retryable === true,
  }
}
