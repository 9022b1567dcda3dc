import { setTimeout as delay } from 'node:timers/promises'
import { Problem } from '@codesdkd/protocol'
import { storeNothing, type StoreText } from './bounds.ts'

/** Milliseconds until an artifact is tried again that the disk did not take. */
const RETRY = 500

export interface PatientStoreOptions {
  readonly store: StoreText
  /** Aborted when the task is to end. */
  readonly signal: AbortSignal
  readonly report: (error: unknown) => void
}

/** What `make` makes of the store: at once where the disk takes it, else later. Never rejects for what the store throws. */
export type PatientStore = <T>(make: (store: StoreText) => T) => T | Promise<T>

/**
 * Stores what is too large for an event. A disk that takes no artifact delays, as it delays events; only a task that is
 * to end goes on without.
 */
export function createPatientStore({ store, signal, report }: PatientStoreOptions): PatientStore {
  async function later<T>(make: (store: StoreText) => T, failure: unknown): Promise<T> {
    let error = failure
    while (!signal.aborted && error instanceof Problem && error.code === 'storage_unavailable') {
      await delay(RETRY, undefined, { signal }).catch(() => undefined)
      try {
        return make(store)
      } catch (again) {
        error = again
      }
    }
    report(error)
    return make(storeNothing)
  }

  return (make) => {
    try {
      return make(store)
    } catch (error) {
      return later(make, error)
    }
  }
}
