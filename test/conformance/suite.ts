import type { Cell } from './cell.ts'
import { answers } from './cells/answers.ts'
import { approvals } from './cells/approvals.ts'
import { conversations } from './cells/conversations.ts'
import { crashes } from './cells/crashes.ts'
import { escalations } from './cells/escalations.ts'
import { faults } from './cells/faults.ts'
import { hostTools } from './cells/host-tools.ts'
import { isolation } from './cells/isolation.ts'
import { limits } from './cells/limits.ts'
import { mcp } from './cells/mcp.ts'
import { modes } from './cells/modes.ts'
import { network } from './cells/network.ts'
import { outputSchemas } from './cells/output-schemas.ts'
import { parallel } from './cells/parallel.ts'
import { patience } from './cells/patience.ts'
import { questions } from './cells/questions.ts'
import { repositories } from './cells/repositories.ts'
import { secrets } from './cells/secrets.ts'
import { selfApproval } from './cells/self-approval.ts'
import { stops } from './cells/stops.ts'
import { successions } from './cells/successions.ts'
import { turnControl } from './cells/turn-control.ts'
import { wall } from './cells/wall.ts'

/** Everything that is asked of a runtime. What has to wait comes first: the others are played meanwhile. */
export const suite: readonly Cell[] = [
  ...patience,
  ...faults,
  ...answers,
  ...approvals,
  ...parallel,
  ...modes,
  ...escalations,
  ...questions,
  ...stops,
  ...turnControl,
  ...conversations,
  ...successions,
  ...crashes,
  ...mcp,
  ...hostTools,
  ...outputSchemas,
  ...isolation,
  ...secrets,
  ...selfApproval,
  ...repositories,
  ...network,
  ...wall,
  ...limits,
]
