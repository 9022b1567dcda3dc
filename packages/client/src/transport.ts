import { ApiError, ConnectionError, toApiError } from './api-error.ts'
import { pause, toDelay, type BackOff } from './back-off.ts'

export type Fetch = (input: string, init: RequestInit) => Promise<Response>
/** A value, or what tells the present one: a daemon that was started again may have another. */
export type Present<T extends string | undefined> = T | (() => T | Promise<T>)
export type Query = Readonly<Record<string, string | number | boolean | undefined>>

export interface TransportOptions {
  /** Where the daemon is: `http://127.0.0.1:12345`, with the base path of a proxy; in a browser also a path alone. */
  readonly url: Present<string>
  /** Bearer token; without one nothing is sent. */
  readonly token?: Present<string | undefined>
  readonly fetch?: Fetch
  /** Tries of a request that may be sent again safely, and the waits between them (4 tries, 200 ms to 5 s). */
  readonly retry?: Partial<BackOff> & { readonly attempts?: number }
  /** How long an answer may take, in milliseconds (30,000). */
  readonly timeoutMs?: number
}

export interface RequestOptions {
  readonly query?: Query
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
  readonly timeoutMs?: number
  /** Sending it twice does no more than sending it once. Default: what HTTP says of the method. */
  readonly idempotent?: boolean
  /** Told before each try. */
  readonly onTry?: () => void
}

/** Sends requests. Every method throws `ApiError` for a refusal, `ConnectionError` where there was no answer, and the reason of an aborted signal. */
export interface Transport {
  /** The answer as JSON, or undefined where it has no content. What it is, the caller knows. */
  json<T>(method: Method, path: string, options?: RequestOptions): Promise<T>
  /** The answer with its body unread. */
  raw(method: Method, path: string, options?: RequestOptions): Promise<Response>
  /** One try without a time limit: for streams, which bring their own. */
  once(method: Method, path: string, options?: RequestOptions): Promise<Response>
}

export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE'

const safe: ReadonlySet<Method> = new Set(['GET', 'DELETE', 'PATCH'])

export function createTransport(options: TransportOptions): Transport {
  const { timeoutMs = 30_000, retry = {} } = options
  const attempts = retry.attempts ?? 4
  const backOff = { baseMs: retry.baseMs ?? 200, maxMs: retry.maxMs ?? 5_000 }
  const send: Fetch = options.fetch ?? ((input, init) => globalThis.fetch(input, init))

  async function once(method: Method, path: string, { query = {}, body, headers = {}, signal }: RequestOptions = {}): Promise<Response> {
    const [url, token] = await Promise.all([present(options.url), present(options.token)])
    const init: RequestInit = {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...headers,
      },
      // A token goes to the daemon that was named, and nowhere else.
      redirect: 'error',
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    }
    const response = await send(`${(url ?? '').replace(/\/+$/, '')}${path}${toSearch(query)}`, init).catch((cause: unknown) =>
      lost(cause, signal),
    )
    if (!response.ok) throw await toApiError(response)
    return response
  }

  /** Tries until it is answered; `read` takes what the time limit is to hold for too. */
  async function tried<T>(method: Method, path: string, request: RequestOptions, read: (response: Response) => Promise<T>): Promise<T> {
    const most = (request.idempotent ?? safe.has(method)) ? attempts : 1
    for (let attempt = 1; ; attempt += 1) {
      request.onTry?.()
      const limit = timeLimit(request.timeoutMs ?? timeoutMs, request.signal)
      try {
        const response = await once(method, path, { ...request, signal: limit.signal })
        return await read(response).catch((cause: unknown) => lost(cause, limit.signal))
      } catch (cause) {
        const error = limit.expired() ? new ConnectionError('The daemon did not answer in time.', { cause }) : cause
        const delay = attempt < most ? toWait(error, attempt, backOff) : null
        if (delay === null) throw error
        await pause(delay, request.signal)
      } finally {
        limit.clear()
      }
    }
  }

  return {
    once,
    raw: (method, path, request = {}) => tried(method, path, request, (response) => Promise.resolve(response)),
    json: <T>(method: Method, path: string, request: RequestOptions = {}) =>
      tried(method, path, request, async (response) => {
        const value: unknown = response.status === 204 ? undefined : await response.json()
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the edge where bytes become types
        return value as T
      }),
  }
}

/** How long to wait before the same again; null where that makes no sense. */
function toWait(error: unknown, failures: number, backOff: BackOff): number | null {
  if (error instanceof ConnectionError) return toDelay(failures, backOff)
  if (!(error instanceof ApiError) || !error.retryable) return null
  const asked = (error.retryAfter ?? 0) * 1_000
  return asked > backOff.maxMs ? null : Math.max(asked, toDelay(failures, backOff))
}

/** A signal that aborts with the given one, or when the time is over. */
function timeLimit(milliseconds: number, signal: AbortSignal | undefined) {
  const time = new AbortController()
  const timer = setTimeout(() => time.abort(), milliseconds)
  return {
    signal: signal === undefined ? time.signal : AbortSignal.any([signal, time.signal]),
    expired: () => time.signal.aborted && signal?.aborted !== true,
    clear: () => clearTimeout(timer),
  }
}

/** What `fetch` rejects with differs between browsers and Node; only an abort keeps its own reason. */
function lost(cause: unknown, signal: AbortSignal | undefined): never {
  signal?.throwIfAborted()
  if (cause instanceof ApiError) throw cause
  throw new ConnectionError('The connection to the daemon failed.', { cause })
}

function toSearch(query: Query): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, String(value))
  return search.size === 0 ? '' : `?${search.toString()}`
}

async function present<T extends string | undefined>(value: Present<T> | undefined): Promise<T | undefined> {
  return typeof value === 'function' ? await value() : value
}
