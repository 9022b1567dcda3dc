import { follow, followAll, type FollowAllOptions, type FollowOptions, type PlacedEvent } from './follow.ts'
import type { Event } from '@codesdkd/protocol'
import type { ApprovalHandler } from './answers.ts'
import { onApproval, type OnApprovalOptions } from './on-approval.ts'
import { toOperations, type Operations } from './operations.ts'
import { runTask, type RunTask, type TaskResult } from './run-task.ts'
import { createTransport, type TransportOptions } from './transport.ts'

export type ClientOptions = TransportOptions

/** A daemon, as a program sees it. It holds nothing open: every stream ends with its loop or its signal. */
export interface Client extends Operations {
  /** The events of a session, past and to come: each once, in order, none left out, over restarts of daemon and network. */
  follow(sessionId: string, options?: FollowOptions): AsyncGenerator<Event, void, void>
  /** The same over all sessions that the caller sees, with a cursor for each event. */
  followAll(options?: FollowAllOptions): AsyncGenerator<PlacedEvent, void, void>
  /** Starts a task and resolves to what came of it; an agent that fails is a result, not a rejection. */
  runTask(options: RunTask): Promise<TaskResult>
  /** Puts every call that waits for a person, in any session, to `handler`, until the signal aborts; then it resolves. */
  onApproval(handler: ApprovalHandler, options?: OnApprovalOptions): Promise<void>
}

export function createClient(options: ClientOptions): Client {
  const transport = createTransport(options)
  const operations = toOperations(transport)
  const client: Client = {
    ...operations,
    follow: (sessionId, following) => follow(transport, sessionId, following),
    followAll: (following) => followAll(transport, following),
    runTask: (task) => runTask(client, task),
    onApproval: (handler, settings) => onApproval(client, handler, settings),
  }
  return client
}
