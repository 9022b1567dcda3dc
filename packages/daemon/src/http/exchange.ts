import type { IncomingHttpHeaders } from 'node:http'
import type { Principal } from '../core/rights.ts'
import type { RecentFrames } from './recent-frames.ts'

/** One request on its way through the edge, after the gates and before its body is read. */
export interface Exchange {
  /** Stands in `x-request-id`, in problems, in the log and in the events that the request causes. */
  readonly id: string
  readonly method: string
  /** Who asks. */
  readonly principal: Principal
  readonly headers: IncomingHttpHeaders
  /** The raw query string, without `?`. */
  readonly query: string
  /** Aborted when the client is gone before the answer is complete. */
  readonly signal: AbortSignal
  /** Aborted when the server closes, or the rights of whoever asks have ended: streams end by themselves. */
  readonly closing: AbortSignal
  /** The body's bytes. Throws `payload_too_large`; rejects when the client goes away. */
  readBody(limit: number): Promise<Uint8Array>
  /** What event streams share. */
  readonly recent: RecentFrames
  /** Counts one event stream until the returned function is called. Throws `sse_limit`. */
  openStream(): () => void
}

/**
 * True when the request shows any sign of a browser; then stricter rules hold for its body. `Sec-Fetch-Mode` alone is none: a browser
 * never sends it without `Sec-Fetch-Site`, but the `fetch` of Node does.
 */
export function isFromBrowser(headers: IncomingHttpHeaders): boolean {
  return headers.origin !== undefined || Object.keys(headers).some((name) => name.startsWith('sec-fetch-') && name !== 'sec-fetch-mode')
}
