import type { TaskError } from '@codesdkd/protocol'
import type { Outcome } from './ports.ts'

/** Why a running task is asked to end. */
export type Cause = { readonly kind: 'stop' | 'shutdown' | 'delete' | 'deadline' }

export function reasonOf({ kind }: Cause): string {
  switch (kind) {
    case 'stop':
      return 'stopped_by_user'
    case 'shutdown':
      return 'daemon_shutdown'
    case 'delete':
      return 'session_deleted'
    case 'deadline':
      return 'deadline_exceeded'
    default:
      return kind satisfies never
  }
}

/** A task that was asked to end has ended for that reason, whatever the agent made of it. */
export function asCaused(outcome: Outcome, cause: Cause | null): Outcome {
  if (cause === null) return outcome
  if (cause.kind !== 'deadline') return { status: 'stopped', reason: reasonOf(cause) }
  const error: TaskError = { code: 'deadline_exceeded', message: 'The task took longer than its timeout_ms.', retryable: true }
  return { status: 'failed', reason: 'deadline_exceeded', error }
}
