import type { Config } from './config.ts'
import { PAYLOAD_LIMIT, PREVIEW_LIMIT } from '../core/bounds.ts'
import { PENDING_LIMIT } from '../core/decide.ts'

/** Limits that hold behind the HTTP edge. Events and previews in characters. */
export function toLimits({
  maxRunningTasks,
  maxLiveAgents,
  maxQueuedTasks,
  approvalTimeoutMs,
  agentIdleTimeoutMs,
  retainMs,
}: Config): Readonly<Record<string, number>> {
  return {
    max_running_tasks: maxRunningTasks,
    max_live_agents: maxLiveAgents,
    max_queued_tasks: maxQueuedTasks,
    max_pending_approvals: PENDING_LIMIT,
    max_event_payload: PAYLOAD_LIMIT,
    max_result_preview: PREVIEW_LIMIT,
    agent_idle_timeout_ms: agentIdleTimeoutMs,
    ...(retainMs === null ? {} : { retain_ms: retainMs }),
    ...(approvalTimeoutMs === null ? {} : { approval_timeout_ms: approvalTimeoutMs }),
  }
}
