import { Problem, type CreateTask, type PermissionMode } from '@codesdkd/protocol'
import type { Runtime } from './ports.ts'
import type { Turn } from './turn.ts'

/** Of the session that is given a task. */
export interface Business {
  readonly runtime: Runtime | null
  /** The turn that runs, and the permission mode of its task. */
  readonly turn: Turn | null
  readonly permissionMode: PermissionMode
  /** Some task is open. */
  readonly busy: boolean
  readonly busyProblem: () => Problem
}

/**
 * The turn that the messages of this task are to join; null for a task that runs by itself. Throws `session_busy` for one that may not
 * wait, `steer_unsupported` for one that cannot join.
 */
export function findTarget(request: CreateTask, session: Business): Turn | null {
  switch (request.when_busy) {
    case undefined:
    case 'queue':
      return null
    case 'reject':
      if (session.busy) throw session.busyProblem()
      return null
    case 'steer':
      if (session.turn === null) return null
      checkSteer(request, session, session.turn)
      // One that is being stopped takes nothing more: what comes now is meant for after it.
      return session.turn.stopping ? null : session.turn
    default:
      return request.when_busy satisfies never
  }
}

function checkSteer(request: CreateTask, { runtime, permissionMode }: Business, { taskId }: Turn): void {
  const members = { when_busy: 'steer', allowed: ['queue', 'reject'], open_tasks: [taskId] }
  if (runtime?.capabilities.supports_steer !== true) {
    const name = runtime?.name ?? 'the runtime of the session'
    throw new Problem(
      'steer_unsupported',
      `${name} takes no further messages while it works: let the task wait, or stop the one that runs.`,
      {
        members,
      },
    )
  }
  const asked = request.permission_mode
  if (asked !== undefined && asked !== permissionMode)
    throw new Problem('steer_unsupported', `The running task has the permission mode ${permissionMode}; what joins it has no other.`, {
      members: { ...members, field: 'permission_mode', expected: permissionMode },
    })
  if (request.output_schema !== undefined)
    throw new Problem('steer_unsupported', 'What joins a running task has no answer of its own, and so no output_schema.', {
      members: { ...members, field: 'output_schema' },
    })
}
