import type { Reading } from './stream-reader.ts'

/** What the load process is told to do. */
export type Order =
  /** Follows live: answers `ready` when all have caught up, and `done` when all have seen the end of a task. */
  | {
      readonly kind: 'follow'
      readonly port: number
      readonly streams: readonly { readonly path: string; readonly mode: 'parse' | 'count' }[]
    }
  /** Reads a stream from its start to where it has caught up, `raw` without HTTP. */
  | {
      readonly kind: 'replay'
      readonly port: number
      readonly paths: readonly string[]
      readonly mode: 'parse' | 'count'
      readonly raw: boolean
    }
  | { readonly kind: 'pages'; readonly port: number; readonly path: string; readonly limit: number }
  /** The same request over and over, on so many connections, each with one at a time. */
  | { readonly kind: 'requests'; readonly port: number; readonly path: string; readonly connections: number; readonly milliseconds: number }

/** A reading without its latencies, which are told together. */
export type ShortReading = Omit<Reading, 'latencies'>

export interface Followed {
  readonly kind: 'followed'
  readonly readings: readonly ShortReading[]
  /** Of all streams in mode `parse`, milliseconds. */
  readonly p50: number
  readonly p99: number
  readonly busy: number
}

export interface Replayed {
  readonly kind: 'replayed'
  readonly readings: readonly ShortReading[]
  readonly milliseconds: number
  readonly busy: number
}

export interface Paged {
  readonly kind: 'paged'
  readonly pages: number
  readonly lastSeq: number
  readonly milliseconds: number
  readonly busy: number
}

export interface Requested {
  readonly kind: 'requested'
  readonly requests: number
  readonly milliseconds: number
  readonly p50: number
  readonly p99: number
  readonly busy: number
}

/** `busy` is the share of the time in which the load process itself used a processor: near 1 it is what was measured. */
export type LoadAnswer = Followed | Replayed | Paged | Requested

export type LoadMessage = { readonly kind: 'ready' } | LoadAnswer | { readonly kind: 'failed'; readonly message: string }
