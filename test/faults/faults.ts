import { decisionFaults } from './daemon/decisions.ts'
import { killFaults } from './daemon/kill-under-load.ts'
import type { Fault } from './fault.ts'

/** Every fault there is, in the order of the report. */
export const faults: readonly Fault[] = [...decisionFaults, ...killFaults].toSorted((one, other) => one.id.localeCompare(other.id))
