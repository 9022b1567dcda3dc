/** Resolves when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  if (signal.aborted) resolve()
  else signal.addEventListener('abort', () => resolve(), { once: true })
  return promise
}

/** Aborted so many milliseconds after the other one is. */
export function after(signal: AbortSignal, milliseconds: number): AbortSignal {
  const controller = new AbortController()
  const late = () => controller.abort(new DOMException('The agent did not answer.', 'TimeoutError'))
  void aborted(signal).then(() => setTimeout(late, milliseconds).unref())
  return controller.signal
}
