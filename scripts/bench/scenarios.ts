import type { Scenario } from './scenario.ts'
import { codexScenarios } from './scenarios/codex.ts'
import { growthScenarios } from './scenarios/growth.ts'
import { peerScenarios } from './scenarios/peer.ts'
import { replayScenarios } from './scenarios/replay.ts'
import { requestScenarios } from './scenarios/requests.ts'
import { roomScenarios } from './scenarios/room.ts'
import { startScenarios } from './scenarios/start.ts'
import { streamScenarios } from './scenarios/streams.ts'

/** What docs/performance.md shows, in its order. */
export const scenarios: readonly Scenario[] = [
  ...streamScenarios,
  ...replayScenarios,
  ...requestScenarios,
  ...startScenarios,
  ...roomScenarios,
  ...codexScenarios,
  ...peerScenarios,
  ...growthScenarios,
]
