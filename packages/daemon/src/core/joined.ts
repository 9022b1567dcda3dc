import { setTimeout as delay } from 'node:timers/promises'
import type { Joining } from './steering.ts'
import type { Turn } from './turn.ts'

/** How long the answer to a request waits for the agent to take the messages. Milliseconds. */
const ANSWER_WAIT = 3000

/** The attempt of a waiting task to join the one that runs. */
export interface Joined {
  /** Resolves when it is decided, or when it takes too long for somebody who waits. */
  soon(): Promise<void>
  /** Gives it up; resolves when it is decided: what is on its way to the agent joins all the same. */
  cancel(): Promise<void>
}

/** Begins when the task is on disk. `taken` is called when the task must not run by itself any more. */
export function createJoining(
  { steering }: Turn,
  { taskId, messages }: Pick<Joining, 'taskId' | 'messages'>,
  committed: Promise<void>,
  taken: () => void,
): Joined {
  const abort = new AbortController()
  const done = (async () => {
    try {
      await committed
      await steering.join({ taskId, messages, signal: abort.signal, taken })
    } catch {
      // The log is closed: nobody waits for anything any more.
    }
  })()
  return {
    soon: () => soon(done, ANSWER_WAIT),
    async cancel() {
      abort.abort()
      await done
    },
  }
}

/** Resolves with the work, or after so many milliseconds; the work goes on all the same. */
export async function soon(work: Promise<void>, milliseconds: number): Promise<void> {
  const timer = new AbortController()
  try {
    await Promise.race([work, delay(milliseconds, undefined, { signal: timer.signal }).catch(() => {})])
  } finally {
    timer.abort()
  }
}
