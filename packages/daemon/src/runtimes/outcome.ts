import type { TaskError } from '@codesdkd/protocol'
import type { Outcome } from '../core/ports.ts'
import type { AgentProcess, ProcessEnd } from './process.ts'
import { toSafeMessage } from './safe-message.ts'

/** A turn that ended with an error. */
export function failed(error: TaskError): Outcome {
  return { status: 'failed', reason: error.code, error }
}

/** What a task is told of an agent that ended before its turn did. */
export function toExited({ exitCode, signal, stderrTail }: ProcessEnd): TaskError {
  const how = signal === null ? `with exit code ${exitCode}` : `by signal ${signal}`
  return {
    code: 'agent_exited',
    message: `The agent ended ${how} before the turn was over.`,
    retryable: true,
    exit_code: exitCode,
    signal,
    ...(stderrTail === '' ? {} : { stderr_tail: stderrTail }),
  }
}

/** What a task is told when an agent lives, but what it says cannot be read any more. */
export function toUnreadable(cause: unknown): TaskError {
  const message = cause instanceof Error ? toSafeMessage(cause.message) : 'an unknown error'
  return { code: 'agent_protocol_error', message: `The agent's output could not be handled: ${message}`, retryable: true }
}

/** How a turn ends whose agent has ended, or says what cannot be handled (`cause`). `kill` ends what is left of it. */
export async function lost(process: Pick<AgentProcess, 'settle'>, cause: unknown, kill: () => Promise<void>): Promise<Outcome> {
  // Who has nothing more to say exits by itself in a moment, and its exit code is told.
  const end = cause === null ? await process.settle() : null
  await kill()
  return failed(end === null ? toUnreadable(cause) : toExited(end))
}
