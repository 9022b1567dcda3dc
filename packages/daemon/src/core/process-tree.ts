import type { StopResponse } from '@codesdkd/protocol'

/** A process, by the number that the daemon's machine has for it. */
export interface ProcessName {
  readonly pid: number
  readonly name: string
}

/** The processes of an agent that were found at one moment: its own, and all that it has started. */
export interface ProcessTree {
  readonly found: readonly ProcessName[]
  /** Those of them that still are there. */
  left(): Promise<readonly ProcessName[]>
  /** Kills those of them that still are there. */
  kill(): Promise<void>
}

/** So many are told by name. */
const NAMED_LIMIT = 100

/** What became of the processes, as it is now. */
export async function toReport(tree: ProcessTree): Promise<StopResponse['processes']> {
  const alive = await tree.left()
  return {
    found: tree.found.slice(0, NAMED_LIMIT),
    found_total: tree.found.length,
    ended: tree.found.length - alive.length,
    alive: alive.slice(0, NAMED_LIMIT),
  }
}

/** Nothing was there to end. */
export const noProcesses: NonNullable<StopResponse['processes']> = { found: [], found_total: 0, ended: 0, alive: [] }
