import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Frame } from './dialect.ts'

/** How an answer ended: as written, by its fault, or because the agent went away. */
export type Outcome = 'completed' | 'faulted' | 'aborted'

export interface PlaybackOptions {
  /** Pause before each delta, in ms. */
  readonly delayMs: number
  /** Stop after this many deltas, and before the end of the answer at the latest. */
  readonly stopAfter: number | null
  /** Ends the playback at once; it is the agent's connection. */
  readonly signal: AbortSignal
}

/** Writes frames at the reader's speed. Resolves with the number of frames sent. Rejects when the signal aborts. */
export async function play(frames: Iterable<Frame>, response: ServerResponse, options: PlaybackOptions): Promise<number> {
  let sent = 0
  let deltas = 0
  for (const frame of frames) {
    if (options.stopAfter !== null && (deltas >= options.stopAfter || frame.kind === 'end')) break
    if (frame.kind === 'delta') {
      deltas += 1
      if (options.delayMs > 0) await sleep(options.delayMs, undefined, { signal: options.signal })
    }
    for (const part of typeof frame.wire === 'string' ? [frame.wire] : frame.wire) {
      options.signal.throwIfAborted()
      // A fault that breaks the connection would take with it what was not sent yet.
      if (options.stopAfter !== null) await flush(part, response)
      else if (!response.write(part)) await once(response, 'drain', { signal: options.signal })
    }
    sent += 1
  }
  return sent
}

/** Resolves when the system has taken the part over. */
function flush(part: string, response: ServerResponse): Promise<void> {
  return new Promise((resolve, reject) => response.write(part, (error) => (error ? reject(error) : resolve())))
}
