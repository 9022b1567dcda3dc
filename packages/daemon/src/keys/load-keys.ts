import type { Logger } from 'pino'
import { RuntimeFailure } from '../core/ports.ts'
import { DamagedKeys, type KeyStore, type StoredKey } from './key-store.ts'

interface WhoseKeys {
  readonly namespace: string
  readonly runtime: string
  readonly logger: Logger
}

/** Throws `RuntimeFailure` where the keys are there and cannot be read: without them an agent would only fail later, and say less. */
export function loadKeys(keys: KeyStore, { namespace, runtime, logger }: WhoseKeys): Readonly<Record<string, StoredKey>> {
  try {
    return keys.load(namespace)[runtime] ?? {}
  } catch (error) {
    if (!(error instanceof DamagedKeys)) throw error
    logger.error({ err: error }, 'stored keys cannot be read')
    const message = 'The stored keys of this credential namespace cannot be read; the log of the daemon says why.'
    throw new RuntimeFailure({ code: 'auth_required', message, retryable: false }, { cause: error })
  }
}
