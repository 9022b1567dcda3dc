import { clockFault } from './clocks.ts'
import { damageFaults } from './damage.ts'
import { diskFaults } from './disk-faults.ts'
import { doorFaults } from './doors.ts'
import type { Fault } from '../fault.ts'
import { floodFaults } from './flood.ts'
import { limitFaults } from './limits.ts'
import { growthFaults } from './log-growth.ts'
import { nthCall } from './nth-call.ts'
import { proxyFault } from './proxy.ts'
import { readerFaults } from './readers.ts'
import { swapFault } from './swaps.ts'

/** Faults of storage, resources and clients. */
export const storageFaults: readonly Fault[] = [
  ...diskFaults,
  nthCall,
  ...damageFaults,
  ...doorFaults,
  ...limitFaults,
  ...floodFaults,
  ...readerFaults,
  proxyFault,
  clockFault,
  swapFault,
  ...growthFaults,
]
