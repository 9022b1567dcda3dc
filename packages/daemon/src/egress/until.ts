/** Waits for a promise, but not beyond the signal: then rejects with its reason. What was waited for goes on. */
export async function until<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const abort = () => reject(signal.reason)
  if (signal.aborted) abort()
  else signal.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([promise, late])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
