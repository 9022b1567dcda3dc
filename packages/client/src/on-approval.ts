import type { Approval } from '@codesdkd/protocol'
import { askForDecisions, toCallKey, type ApprovalHandler } from './answers.ts'
import type { Client } from './client.ts'
import type { FollowingOptions } from './following.ts'

export interface OnApprovalOptions extends Pick<FollowingOptions, 'silenceMs' | 'onConnection'> {
  readonly signal?: AbortSignal | undefined
}

type Daemon = Pick<Client, 'followAll' | 'listApprovals' | 'approveToolCall' | 'denyToolCall'>

/** What can change which calls wait. */
const types = ['tool.call.policy_evaluated', 'tool.call.approved', 'tool.call.denied']

/**
 * The inbox of all sessions, until the signal aborts. The list of the daemon is the truth: it is read when a connection has caught up, and
 * when somebody is asked. Rejects when the handler does, or the daemon refuses for good.
 */
export async function onApproval(client: Daemon, handler: ApprovalHandler, options: OnApprovalOptions = {}): Promise<void> {
  const { signal, silenceMs, onConnection } = options
  const own = new AbortController()
  const either = signal === undefined ? own.signal : AbortSignal.any([signal, own.signal])
  const asker = askForDecisions(client, handler)
  asker.failed.catch((error: unknown) => own.abort(error))
  const look = createLook(async () => {
    const pending = await listAll(client, either)
    asker.keep(pending)
    for (const approval of pending) asker.ask(approval)
  })
  const caughtUp: FollowingOptions['onConnection'] = (connection) => {
    if (connection.phase === 'live') look().catch((error: unknown) => own.abort(error))
    onConnection?.(connection)
  }
  try {
    const stream = client.followAll({
      after: 'latest',
      types,
      signal: either,
      silenceMs,
      onConnection: caughtUp,
      onResync: () => undefined,
    })
    for await (const { event } of stream) {
      if (event.type === 'tool.call.policy_evaluated' && event.payload.result === 'ask') await look()
      else if (event.type === 'tool.call.approved' || event.type === 'tool.call.denied')
        asker.settle(toCallKey({ session_id: event.trace.session_id, ...event.payload }))
    }
  } catch (error) {
    if (signal?.aborted !== true) throw error
  } finally {
    asker.close()
  }
}

/** One look at a time, in turn: an older list never comes after a newer one. */
function createLook(look: () => Promise<void>): () => Promise<void> {
  let last = Promise.resolve()
  return () => {
    last = last.then(look)
    return last
  }
}

async function listAll(client: Daemon, signal: AbortSignal): Promise<readonly Approval[]> {
  const all: Approval[] = []
  for (let after: string | undefined; ;) {
    const { approvals, next_after } = await client.listApprovals({ after, limit: 500 }, { signal })
    all.push(...approvals)
    if (next_after === null) return all
    after = next_after
  }
}
