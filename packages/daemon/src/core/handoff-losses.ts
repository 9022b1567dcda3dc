import { setImmediate } from 'node:timers/promises'
import type { Capabilities, HandoffReceipt } from '@codesdkd/protocol'
import type { EventLog, SessionRecord } from './ports.ts'
import { toEvent } from './stored-event.ts'

export interface LossesOptions {
  readonly record: SessionRecord
  readonly next: SessionRecord
  /** Of the new runtime. */
  readonly capabilities: Capabilities
  readonly carried: Pick<HandoffReceipt['carried'], 'images' | 'images_omitted' | 'messages_omitted' | 'truncated'>
}

type Loss = HandoffReceipt['not_carried'][number]

/** What a session's new agent will not know or have of what was before it. Linear in the session's log. */
export async function readLosses(
  { record, next, capabilities, carried }: LossesOptions,
  log: Pick<EventLog, 'read'>,
): Promise<readonly Loss[]> {
  const seen = await readSeen(log, record.sessionId)
  const dropped = Object.keys(record.runtimeConfig).filter((name) => !(name in next.runtimeConfig))
  const lost = carried.images_omitted + (capabilities.supports_attachments ? 0 : carried.images)
  const losses: readonly (Loss | false)[] = [
    seen.tasks > 0 && {
      kind: 'runtime_memory',
      detail: `What ${record.runtime} itself remembers of the session. It is not taken up again, also when the session comes back to it.`,
    },
    seen.reasoning > 0 && { kind: 'reasoning', detail: `${seen.reasoning} blocks of reasoning: they stay in the log.` },
    seen.calls > 0 && {
      kind: 'tool_calls',
      detail: `${seen.calls} calls of tools: each is told in a line, with the beginning of what came of it; the whole stays in the log, the changes in the workspace.`,
    },
    seen.tasks > 0 && { kind: 'tool_state', detail: 'Shells, background processes and open connections: they ended with the agent.' },
    seen.tasks > 0 && { kind: 'checkpoints', detail: 'Checkpoints and undo steps that the agent kept.' },
    seen.tasks > 0 && {
      kind: 'remembered_approvals',
      detail: 'What the agent was allowed once and for all by its own rules. Decisions about hosts for the session are kept.',
    },
    lost > 0 && { kind: 'images', detail: `${lost} images of earlier messages: only their places are named.` },
    (carried.messages_omitted > 0 || carried.truncated) && {
      kind: 'older_messages',
      detail: `${carried.messages_omitted} messages do not fit; of others there may be only a part. What is left out is said in its place.`,
    },
    seen.hostTools && !capabilities.supports_host_tools && { kind: 'host_tools', detail: `${next.runtime} cannot be offered tools.` },
    dropped.length > 0 && { kind: 'settings', detail: `Settings of ${record.runtime}: ${dropped.join(', ')}.` },
    next.withheld.length > 0 && { kind: 'variables', detail: 'Credentials of agents before it: see env_withheld.' },
    record.confinement !== next.confinement && {
      kind: 'confinement',
      detail: `It was ${record.confinement} and is ${next.confinement}: permission mode ${next.permissionMode} lets other calls run unasked.`,
    },
  ]
  return losses.filter((loss) => loss !== false)
}

interface Seen {
  readonly tasks: number
  readonly calls: number
  readonly reasoning: number
  /** A tool was run that was not the agent's own. */
  readonly hostTools: boolean
}

async function readSeen(log: Pick<EventLog, 'read'>, sessionId: string): Promise<Seen> {
  const seen = { tasks: 0, calls: 0, reasoning: 0, hostTools: false }
  for (let after = 0; ;) {
    const rows = log.read(sessionId, after, 1000)
    if (rows.length === 0) return seen
    for (const row of rows) {
      after = row.seq
      if (!looked.has(row.type)) continue
      const event = toEvent(row)
      if (event.type === 'task.started') seen.tasks += 1
      if (event.type === 'tool.call.started') {
        seen.calls += 1
        seen.hostTools ||= event.payload.executed_by !== 'runtime'
      }
      if (event.type === 'model.output.completed') seen.reasoning += event.payload.content.filter(({ type }) => type === 'reasoning').length
    }
    await setImmediate()
  }
}

const looked: ReadonlySet<string> = new Set(['task.started', 'tool.call.started', 'model.output.completed'])
