import type { NewId, ProcessLedger } from '../core/ports.ts'

/** What every runtime is made with. */
export interface RuntimeOptions {
  readonly ledger: ProcessLedger
  /** Makes the marks of processes. */
  readonly newId: NewId
  /** Milliseconds until an agent that does not come up is given up; default 30,000. */
  readonly startTimeoutMs?: number
  /** Milliseconds that an interrupted turn has to end; then the agent is killed. Default 5000. */
  readonly interruptGraceMs?: number
  /** Milliseconds between SIGTERM and SIGKILL; default 5000. */
  readonly stopGraceMs?: number
}
