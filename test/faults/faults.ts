import { agentFaults } from './daemon/agents.ts'
import { decisionFaults } from './daemon/decisions.ts'
import { failpointFaults } from './daemon/failpoints.ts'
import { killFaults } from './daemon/kill-under-load.ts'
import { raceFaults } from './daemon/races.ts'
import { signalFaults } from './daemon/signals.ts'
import { systemCallFaults } from './daemon/system-calls.ts'
import type { Fault } from './fault.ts'
import { storageFaults } from './storage/faults.ts'

/** Every fault there is, in the order of the report. */
export const faults: readonly Fault[] = [
  ...agentFaults,
  ...decisionFaults,
  ...raceFaults,
  ...failpointFaults,
  ...killFaults,
  ...signalFaults,
  ...systemCallFaults,
  ...storageFaults,
].toSorted((one, other) => one.id.localeCompare(other.id))
