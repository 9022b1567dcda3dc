import { Problem } from '@codesdkd/protocol'

/** Milliseconds that a request waits for its commit. */
const ACKNOWLEDGE_LIMIT = 10_000

/**
 * A disk that refuses writes delays what was asked for; a client is told so instead of being left to wait. It may
 * still happen: the same request again, with the same ids, tells.
 */
export function acknowledge<T>(work: Promise<T>): Promise<T> {
  return within(work, ACKNOWLEDGE_LIMIT, 'The log cannot be written at the moment; what was asked for may still happen.')
}

/** Rejects with `storage_unavailable` when the work takes longer; it goes on all the same. */
export async function within<T>(work: Promise<T>, milliseconds: number, detail: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Problem('storage_unavailable', detail, { retryAfter: 5 })), milliseconds)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
