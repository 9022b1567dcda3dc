/** How long to wait before the next try. Milliseconds. */
export interface BackOff {
  readonly baseMs: number
  readonly maxMs: number
}

/** Doubles from try to try up to the most, less a random half, so that many who lost one daemon do not come back at once. `failures` from 1. */
export function toDelay(failures: number, { baseMs, maxMs }: BackOff, random: () => number = Math.random): number {
  const most = Math.min(maxMs, baseMs * 2 ** Math.min(failures - 1, 30))
  return most * (1 - random() / 2)
}

/** Resolves after the time. Rejects with the reason of the signal as soon as that aborts. */
export async function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted()
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, milliseconds)
  // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- a signal may abort with anything
  const abort = () => reject(signal?.reason)
  signal?.addEventListener('abort', abort, { once: true })
  try {
    await promise
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', abort)
  }
}
