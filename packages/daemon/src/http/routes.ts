import { aboutRoutes } from './about.ts'
import { approvalRoutes } from './approvals.ts'
import { questionRoutes } from './questions.ts'
import { artifactRoutes } from './artifacts.ts'
import { documentRoutes } from './documents.ts'
import { eventRoutes } from './events.ts'
import { inspectorRoutes } from './inspector.ts'
import { replayRoutes } from './replays.ts'
import type { Route } from './route.ts'
import { runtimeRoutes } from './runtimes.ts'
import { sessionRoutes } from './sessions.ts'
import { successionRoutes } from './succession.ts'
import { taskRoutes } from './tasks.ts'
import { tokenRoutes } from './tokens.ts'
import { toolCallRoutes } from './tool-calls.ts'
import { transcriptRoutes } from './transcript.ts'

/** Every endpoint, in the order of the document. */
export const routes: readonly Route[] = [
  ...runtimeRoutes,
  ...sessionRoutes,
  ...successionRoutes,
  ...replayRoutes,
  ...eventRoutes,
  ...taskRoutes,
  ...transcriptRoutes,
  ...approvalRoutes,
  ...toolCallRoutes,
  ...questionRoutes,
  ...artifactRoutes,
  ...tokenRoutes,
  ...aboutRoutes,
  ...documentRoutes(() => routes),
  ...inspectorRoutes,
]
