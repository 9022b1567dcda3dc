import type {
  AnswerRequest,
  AnswerResponse,
  ApprovalList,
  ApproveRequest,
  Artifact,
  AuthStatus,
  CreateSession,
  DecisionResponse,
  DenyRequest,
  EventPage,
  ForkSession,
  HandOffSession,
  Handoff,
  Health,
  MeasuredCapabilities,
  MintedToken,
  QuestionList,
  Replay,
  RuntimeList,
  Session,
  SessionList,
  SessionPhase,
  StepReplay,
  StopResponse,
  StopTask,
  Task,
  TaskList,
  TaskStarted,
  ToolResultResponse,
  TranscriptPage,
  UpdateReplay,
  UpdateSession,
  UploadArtifact,
  Verification,
} from '@codesdkd/protocol'
import type { About, Status } from './about.ts'
import { isApiError } from './api-error.ts'
import type { NewTask, NewToken, NewToolOutput, NewToolResult } from './bodies.ts'
import { toIdentifier } from './identifier.ts'
import type { Query, Transport } from './transport.ts'

export interface CallOptions {
  readonly signal?: AbortSignal
}

export interface PageQuery {
  readonly after?: string | undefined
  readonly limit?: number | undefined
}

export interface SessionsQuery extends PageQuery {
  readonly scope?: 'daemon' | 'archived' | 'all' | undefined
  readonly runtime?: string | undefined
  readonly credential_namespace?: string | undefined
  readonly phase?: SessionPhase | undefined
}

export interface EventsQuery {
  readonly after_seq?: number | undefined
  readonly limit?: number | undefined
  readonly types?: string | undefined
}

/** A verification runs short trials of the agent. Milliseconds. */
const LONG = 180_000
/** What a daemon waits for itself, and the time around it. Milliseconds. */
const STOPPING = 60_000

/**
 * One method for each route, under its `operationId`, with the fields as they stand on the wire. What may be sent again safely is: reading,
 * deciding, stopping, and what carries a key or an id, which is made here where none is given. Every method throws `ApiError` or
 * `ConnectionError`.
 */
export function toOperations(transport: Transport) {
  const get = <T>(path: string, { signal }: CallOptions, query: object = {}) =>
    transport.json<T>('GET', path, { query: toQuery(query), ...toSignal(signal) })
  const post = <T>(
    path: string,
    body: unknown,
    { signal }: CallOptions,
    more: { readonly idempotent: boolean; readonly timeoutMs?: number },
  ) => transport.json<T>('POST', path, { body, ...more, ...toSignal(signal) })
  const keyed = <T>(path: string, body: unknown, { signal, key }: CallOptions & KeyOption) =>
    transport.json<T>('POST', path, {
      body,
      headers: { 'idempotency-key': key ?? toIdentifier('key_') },
      idempotent: true,
      ...toSignal(signal),
    })
  const again = { idempotent: true }
  const onlyOnce = { idempotent: false }

  return {
    listRuntimes: (options: CallOptions = {}) => get<RuntimeList>('/runtimes', options),
    verifyRuntime: (name: string, options: CallOptions = {}) =>
      post<Verification>(at`/runtimes/${name}/verify`, {}, options, { idempotent: false, timeoutMs: LONG }),
    getHealth: (query: { readonly runtime?: string } = {}, options: CallOptions = {}) => get<Health>('/health', options, query),
    getCapabilities: (query: { readonly runtime?: string } = {}, options: CallOptions = {}) =>
      get<MeasuredCapabilities>('/capabilities', options, query),
    getAuthStatus: (query: { readonly runtime?: string; readonly credential_namespace?: string } = {}, options: CallOptions = {}) =>
      get<AuthStatus>('/auth/status', options, query),

    listSessions: (query: SessionsQuery = {}, options: CallOptions = {}) => get<SessionList>('/sessions', options, query),
    /** `key` makes one session of all requests with it. */
    createSession: (body: CreateSession = {}, options: CallOptions & KeyOption = {}) => keyed<Session>('/sessions', body, options),
    getSession: (sessionId: string, options: CallOptions = {}) => get<Session>(at`/sessions/${sessionId}`, options),
    updateSession: (sessionId: string, body: UpdateSession, { signal }: CallOptions = {}) =>
      transport.json<Session>('PATCH', at`/sessions/${sessionId}`, { body, ...toSignal(signal) }),
    /** Resolves also when it was deleted by a request whose answer was lost. */
    deleteSession: (sessionId: string, query: { readonly stop?: boolean } = {}, { signal }: CallOptions = {}) =>
      deleteOnce(transport, at`/sessions/${sessionId}`, { query: toQuery(query), timeoutMs: STOPPING, ...toSignal(signal) }),
    handOffSession: (sessionId: string, body: HandOffSession, options: CallOptions = {}) =>
      post<Handoff>(at`/sessions/${sessionId}/handoff`, body, options, again),
    forkSession: (sessionId: string, body: ForkSession = {}, options: CallOptions & KeyOption = {}) =>
      keyed<Session>(at`/sessions/${sessionId}/fork`, body, options),

    getReplay: (sessionId: string, options: CallOptions = {}) => get<Replay>(at`/sessions/${sessionId}/replay`, options),
    updateReplay: (sessionId: string, body: UpdateReplay, { signal }: CallOptions = {}) =>
      transport.json<Replay>('PATCH', at`/sessions/${sessionId}/replay`, { body, idempotent: true, ...toSignal(signal) }),
    stepReplay: (sessionId: string, body: StepReplay = {}, options: CallOptions = {}) =>
      post<Replay>(at`/sessions/${sessionId}/replay/step`, body, options, onlyOnce),

    /** One page; `follow` is the stream. */
    readEvents: (sessionId: string, query: EventsQuery = {}, options: CallOptions = {}) =>
      get<EventPage>(at`/sessions/${sessionId}/events`, options, query),
    readTranscript: (sessionId: string, query: PageQuery & { readonly task_id?: string } = {}, options: CallOptions = {}) =>
      get<TranscriptPage>(at`/sessions/${sessionId}/transcript`, options, query),

    startTask: (sessionId: string, body: NewTask, options: CallOptions = {}) =>
      post<TaskStarted>(at`/sessions/${sessionId}/tasks`, { ...body, task_id: body.task_id ?? toIdentifier('task_') }, options, again),
    listTasks: (sessionId: string, query: PageQuery = {}, options: CallOptions = {}) =>
      get<TaskList>(at`/sessions/${sessionId}/tasks`, options, query),
    getTask: (sessionId: string, taskId: string, options: CallOptions = {}) =>
      get<Task>(at`/sessions/${sessionId}/tasks/${taskId}`, options),
    stopTask: (sessionId: string, taskId: string, body: StopTask = {}, options: CallOptions = {}) =>
      post<StopResponse>(at`/sessions/${sessionId}/tasks/${taskId}/stop`, body, options, { idempotent: true, timeoutMs: STOPPING }),

    listApprovals: (query: PageQuery = {}, options: CallOptions = {}) => get<ApprovalList>('/approvals', options, query),
    approveToolCall: (sessionId: string, toolCallId: string, body: ApproveRequest, options: CallOptions = {}) =>
      post<DecisionResponse>(at`/sessions/${sessionId}/tool-calls/${toolCallId}/approve`, body, options, again),
    denyToolCall: (sessionId: string, toolCallId: string, body: DenyRequest, options: CallOptions = {}) =>
      post<DecisionResponse>(at`/sessions/${sessionId}/tool-calls/${toolCallId}/deny`, body, options, again),
    listQuestions: (query: PageQuery = {}, options: CallOptions = {}) => get<QuestionList>('/questions', options, query),
    answerQuestion: (sessionId: string, questionId: string, body: AnswerRequest, options: CallOptions = {}) =>
      post<AnswerResponse>(at`/sessions/${sessionId}/questions/${questionId}/answer`, body, options, onlyOnce),
    giveToolResult: (sessionId: string, toolCallId: string, body: NewToolResult, options: CallOptions = {}) =>
      post<ToolResultResponse>(at`/sessions/${sessionId}/tool-calls/${toolCallId}/result`, body, options, again),
    writeToolOutput: (sessionId: string, toolCallId: string, body: NewToolOutput, options: CallOptions = {}) =>
      post<ToolResultResponse>(at`/sessions/${sessionId}/tool-calls/${toolCallId}/output`, body, options, onlyOnce),

    uploadArtifact: (body: UploadArtifact, options: CallOptions = {}) => post<Artifact>('/artifacts', body, options, onlyOnce),
    /** The answer itself: its bytes are unread. */
    getArtifact: (artifactId: string, { signal }: CallOptions = {}) => transport.raw('GET', at`/artifacts/${artifactId}`, toSignal(signal)),
    downloadArtifact: (artifactId: string, { signal }: CallOptions = {}) =>
      transport.raw('GET', at`/artifacts/${artifactId}/download`, toSignal(signal)),
    getSupportBundle: (sessionId: string, query: { readonly task_id?: string } = {}, { signal }: CallOptions = {}) =>
      transport.raw('GET', at`/sessions/${sessionId}/support-bundle`, { query, timeoutMs: LONG, ...toSignal(signal) }),

    mintToken: (body: NewToken, options: CallOptions = {}) => post<MintedToken>('/tokens', body, options, onlyOnce),
    revokeToken: (tokenId: string, { signal }: CallOptions = {}) => deleteOnce(transport, at`/tokens/${tokenId}`, toSignal(signal)),

    getAbout: (options: CallOptions = {}) => get<About>('/', options),
    getStatus: (options: CallOptions = {}) => get<Status>('/status', options),
    getLivez: (options: CallOptions = {}) => get<{ ok: true }>('/livez', options),
    getReadyz: (options: CallOptions = {}) => get<{ ok: true }>('/readyz', options),
    getMetrics: ({ signal }: CallOptions = {}) => transport.raw('GET', '/metrics', toSignal(signal)).then((answer) => answer.text()),
    getOpenApi: (options: CallOptions = {}) => get<Record<string, unknown>>('/openapi.json', options),
    getInspector: ({ signal }: CallOptions = {}) => transport.raw('GET', '/inspector', toSignal(signal)).then((answer) => answer.text()),
    getInspectorFile: (file: string, { signal }: CallOptions = {}) => transport.raw('GET', at`/inspector/${file}`, toSignal(signal)),
    getDocs: ({ signal }: CallOptions = {}) => transport.raw('GET', '/docs', toSignal(signal)).then((answer) => answer.text()),
  }
}

export type Operations = ReturnType<typeof toOperations>

interface KeyOption {
  readonly key?: string
}

/** A path with its ids escaped. */
function at(texts: TemplateStringsArray, ...ids: readonly string[]): string {
  return String.raw({ raw: texts }, ...ids.map(encodeURIComponent))
}

function toSignal(signal: AbortSignal | undefined): { readonly signal?: AbortSignal } {
  return signal === undefined ? {} : { signal }
}

function toQuery(query: object): Query {
  return { ...query }
}

/** Deletes; where a first answer was lost, what is gone by then is what was asked for. */
async function deleteOnce(transport: Transport, path: string, options: Parameters<Transport['json']>[2]): Promise<void> {
  let tries = 0
  const counted = {
    ...options,
    onTry: () => {
      tries += 1
    },
  }
  try {
    await transport.json<undefined>('DELETE', path, counted)
  } catch (error) {
    if (tries < 2 || !isApiError(error, 'session_not_found', 'token_not_found')) throw error
  }
}
