import { useSignal, type ReadonlySignal } from '@preact/signals'
import { toMessage } from '../model/client.ts'

export interface Action {
  /** Runs it, unless it still runs. */
  readonly run: (work: () => Promise<unknown>) => void
  readonly busy: ReadonlySignal<boolean>
  /** Why it went wrong the last time. */
  readonly error: ReadonlySignal<string | null>
}

/** Something that a person starts, and how it went. */
export function useAction(): Action {
  const busy = useSignal(false)
  const error = useSignal<string | null>(null)
  return {
    busy,
    error,
    run(work) {
      if (busy.value) return
      busy.value = true
      error.value = null
      work()
        .catch((failed: unknown) => {
          error.value = toMessage(failed)
        })
        .finally(() => {
          busy.value = false
        })
    },
  }
}
