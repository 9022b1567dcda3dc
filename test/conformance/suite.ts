import type { Cell } from './cell.ts'
import { answers } from './cells/answers.ts'
import { approvals } from './cells/approvals.ts'
import { conversations } from './cells/conversations.ts'
import { crashes } from './cells/crashes.ts'
import { faults } from './cells/faults.ts'
import { modes } from './cells/modes.ts'
import { stops } from './cells/stops.ts'

/** Everything that is asked of a runtime. */
export const suite: readonly Cell[] = [...answers, ...approvals, ...modes, ...stops, ...conversations, ...crashes, ...faults]
