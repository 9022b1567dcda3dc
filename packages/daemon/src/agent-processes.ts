import type { ProcessLedger } from './core/ports.ts'

/** How many ended agents are remembered, so that what they left behind is still known by its mark. */
const ENDED_LIMIT = 256

export interface KnownAgent {
  readonly pid: number | null
  readonly mark: string
}

/** The ledger on disk, and beside it the same in memory for the gate that keeps agents out of the API. */
export function createAgentProcesses(ledger: ProcessLedger): ProcessLedger & { readonly known: () => readonly KnownAgent[] } {
  const live = new Map<number, string>()
  const ended: string[] = []
  return {
    started(process) {
      live.set(process.pid, process.mark)
      ledger.started(process)
    },
    ended(pid) {
      const mark = live.get(pid)
      live.delete(pid)
      if (mark !== undefined) ended.push(mark)
      if (ended.length > ENDED_LIMIT) ended.shift()
      ledger.ended(pid)
    },
    known: () => [...[...live].map(([pid, mark]) => ({ pid, mark })), ...ended.map((mark) => ({ pid: null, mark }))],
  }
}
