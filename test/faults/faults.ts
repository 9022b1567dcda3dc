import { decisionFaults } from './daemon/decisions.ts'
import type { Fault } from './fault.ts'
import { storageFaults } from './storage/faults.ts'

/** Every fault there is, in the order of the report. */
export const faults: readonly Fault[] = [...decisionFaults, ...storageFaults].toSorted((one, other) => one.id.localeCompare(other.id))
