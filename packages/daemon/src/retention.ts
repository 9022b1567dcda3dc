import type { Logger } from 'pino'
import type { Clock } from './core/ports.ts'
import type { Sessions } from './core/sessions.ts'

export interface RetentionOptions {
  readonly sessions: Pick<Sessions, 'sweep' | 'expire'>
  /** Milliseconds after its last event that a session is kept; null: for ever. */
  readonly retainMs: number | null
  readonly clock: Clock
  readonly logger: Pick<Logger, 'info' | 'error'>
}

const INTERVAL = 3_600_000

/** Now and every hour: erases what deletions have left, and deletes sessions that are older than they are kept. Disposing waits for what runs. */
export function startRetention({ sessions, retainMs, clock, logger }: RetentionOptions): AsyncDisposable {
  let running = Promise.resolve()
  const pass = async () => {
    try {
      await sessions.sweep()
      if (retainMs === null) return
      const before = new Date(Date.parse(clock.now()) - retainMs).toISOString()
      const deleted = await sessions.expire(before)
      if (deleted > 0) logger.info({ deleted, before }, 'sessions were deleted that nobody had used since')
    } catch (error) {
      logger.error({ err: error }, 'old sessions could not be deleted')
    }
  }
  const next = () => {
    running = running.then(pass)
  }
  next()
  const timer = setInterval(next, INTERVAL).unref()
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await running
    },
  }
}
