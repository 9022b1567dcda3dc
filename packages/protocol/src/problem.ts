import * as z from 'zod'

/**
 * Every expected failure of the daemon: code -> HTTP status and title. One catalogue, so that a client can
 * switch over `error` and a route can only answer with a code that exists. Codes of the earlier daemon are kept.
 */
export const problems = {
  invalid_request: { status: 400, title: 'The request is not valid' },
  invalid_json: { status: 400, title: 'The body is not valid JSON' },
  invalid_cursor: { status: 400, title: 'The cursor is not known' },
  invalid_answer: { status: 400, title: 'The answer does not fit the question' },
  invalid_env: { status: 400, title: 'An environment variable is not allowed' },
  unknown_runtime: { status: 400, title: 'The runtime is not known' },
  unsupported_isolation_mode: { status: 400, title: 'The runtime does not support this isolation mode' },
  tool_manifest_unsupported: { status: 400, title: 'The runtime cannot be offered tools' },
  attachment_unsupported: { status: 400, title: 'The artifact cannot be part of a prompt' },
  invalid_tool_manifest: { status: 400, title: 'The tool manifest is not valid' },
  invalid_output_schema: { status: 400, title: 'The output schema is not valid' },
  invalid_tool_result: { status: 400, title: 'The result does not fit the tool' },
  host_required: { status: 400, title: 'A Host header is required' },
  unauthorized: { status: 401, title: 'A bearer token is required' },
  host_not_allowed: { status: 403, title: 'The Host header is not allowed' },
  origin_not_allowed: { status: 403, title: 'The Origin is not allowed' },
  cross_site_blocked: { status: 403, title: 'Cross-site requests are not allowed' },
  user_not_allowed: { status: 403, title: 'The connection belongs to another user' },
  agent_not_allowed: { status: 403, title: 'Agents may not use this API' },
  verb_not_allowed: { status: 403, title: 'The token does not allow this' },
  namespace_not_allowed: { status: 403, title: 'The credential namespace is not allowed' },
  cwd_not_allowed: { status: 403, title: 'The working directory is not allowed' },
  isolation_not_allowed: { status: 403, title: 'The isolation level is not allowed' },
  permission_mode_not_allowed: { status: 403, title: 'The permission mode is not allowed' },
  root_not_allowed: { status: 403, title: 'The sandbox may not be opened for this path' },
  sandbox_not_allowed: { status: 403, title: 'The sandbox mode is not allowed' },
  not_found: { status: 404, title: 'There is no such resource' },
  session_not_found: { status: 404, title: 'The session does not exist' },
  task_not_found: { status: 404, title: 'The task does not exist' },
  tool_call_not_pending: { status: 404, title: 'The tool call does not wait for a decision' },
  question_not_pending: { status: 404, title: 'The question does not wait for an answer' },
  artifact_not_found: { status: 404, title: 'The artifact does not exist' },
  replay_not_found: { status: 404, title: 'The session is no replay' },
  token_not_found: { status: 404, title: 'The token does not exist' },
  metrics_unavailable: { status: 404, title: 'Metrics are not enabled' },
  method_not_allowed: { status: 405, title: 'The method is not allowed here' },
  request_timeout: { status: 408, title: 'The request took too long to arrive' },
  tool_call_not_running: { status: 409, title: 'The tool call does not wait for a result' },
  tool_result_exists: { status: 409, title: 'The tool call has another result' },
  attempt_mismatch: { status: 409, title: 'The attempt is not the one that waits' },
  input_hash_mismatch: { status: 409, title: 'The input is not the one that waits' },
  already_decided: { status: 409, title: 'The tool call was already decided' },
  already_answered: { status: 409, title: 'The question was already answered' },
  session_busy: { status: 409, title: 'A task of the session is open' },
  steer_unsupported: { status: 409, title: 'The running task cannot take further messages' },
  session_archived: { status: 409, title: 'The session is archived' },
  session_read_only: { status: 409, title: 'The session is a replay' },
  task_exists: { status: 409, title: 'Another task has this id' },
  idempotency_key_reused: { status: 422, title: 'The idempotency key was used with another request' },
  cursor_ahead: { status: 409, title: 'The cursor is beyond the end of the log' },
  agent_not_installed: { status: 409, title: 'The agent is not installed' },
  sandbox_unavailable: { status: 409, title: 'There is no sandbox on this machine' },
  artifact_corrupt: { status: 410, title: 'The stored artifact is damaged' },
  payload_too_large: { status: 413, title: 'The body is too large' },
  unsupported_media_type: { status: 415, title: 'The media type is not supported' },
  range_not_satisfiable: { status: 416, title: 'The range is not satisfiable' },
  headers_too_large: { status: 431, title: 'The headers are too large' },
  backpressure: { status: 429, title: 'Too many tasks are queued' },
  rate_limited: { status: 429, title: 'Too many requests' },
  sse_limit: { status: 429, title: 'Too many event streams are open' },
  too_many_tokens: { status: 429, title: 'Too many tokens are live' },
  server_error: { status: 500, title: 'The daemon failed' },
  resources_exhausted: { status: 503, title: 'The system is out of descriptors, processes or memory' },
  shutting_down: { status: 503, title: 'The daemon is shutting down' },
  storage_unavailable: { status: 503, title: 'The storage cannot be written' },
} as const satisfies Record<string, { status: number; title: string }>

export type ProblemCode = keyof typeof problems

export const problemCodes: readonly ProblemCode[] = Object.keys(problems).filter(isProblemCode)

export function isProblemCode(code: string): code is ProblemCode {
  return Object.hasOwn(problems, code)
}

/** Failures that may pass when the same request is sent again later. */
const retryable = new Set<ProblemCode>([
  'request_timeout',
  'backpressure',
  'rate_limited',
  'sse_limit',
  'too_many_tokens',
  'resources_exhausted',
  'shutting_down',
  'storage_unavailable',
  'server_error',
])

/** Extension members of a problem: `allowed`, `limit`, `current`, `scope`, ids … They stand at top level on the wire. */
export type ProblemMembers = Readonly<Record<string, unknown>>

export interface ProblemOptions {
  readonly members?: ProblemMembers
  /** Seconds until a retry makes sense; sent as `Retry-After`. */
  readonly retryAfter?: number
  readonly cause?: unknown
}

/** An expected failure. Thrown by core, answered by http as `application/problem+json` (RFC 9457). */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly code: ProblemCode
  readonly members: ProblemMembers
  readonly retryAfter: number | undefined

  constructor(code: ProblemCode, detail: string, options: ProblemOptions = {}) {
    super(detail, { cause: options.cause })
    this.code = code
    this.members = options.members ?? {}
    this.retryAfter = options.retryAfter ?? (retryable.has(code) && problems[code].status !== 500 ? 1 : undefined)
  }

  get status(): number {
    return problems[this.code].status
  }

  /** The wire shape. `message` repeats `detail` for clients of the earlier daemon. */
  toBody(requestId: string): ProblemBody {
    const { title, status } = problems[this.code]
    return {
      ...this.members,
      type: `urn:codesdkd:error:${this.code}`,
      title,
      status,
      detail: this.message,
      error: this.code,
      message: this.message,
      request_id: requestId,
      retryable: retryable.has(this.code),
    }
  }
}

export const problemBody = z
  .looseObject({
    type: z.string().describe('urn:codesdkd:error:<code>'),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    error: z.enum(problemCodes),
    message: z.string(),
    request_id: z.string(),
    retryable: z.boolean(),
  })
  .meta({ id: 'Problem', description: 'RFC 9457 problem details; further members stand at top level.' })

export type ProblemBody = z.infer<typeof problemBody>
