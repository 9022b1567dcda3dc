import type { Event, EventOf, Session, TaskStarted, TerminalType } from '@codesdkd/protocol'
import { expect } from 'vitest'
import type { TestClient } from '../harness/client.ts'
import { first } from './events.ts'
import { expectLawful } from './law.ts'
import type { SessionBody } from './subject.ts'

export type Requested = EventOf<'tool.call.requested'>
export type Terminal = EventOf<TerminalType>

/** One task from its start to its end. */
export interface Round {
  readonly session: Session
  readonly task: TaskStarted
  readonly end: Terminal
  /** The events of this task alone. */
  readonly events: readonly Event[]
}

export interface RoundOptions {
  /** Says what becomes of a call that waits: null approves, 'leave' lets it wait, any other text denies. Without it nothing may wait. */
  readonly decide?: (call: Requested) => string | null
  /** Further fields of the task's body. */
  readonly task?: SessionBody
}

const nobody = (call: Requested): never => expect.fail(`nobody was expected to be asked about ${call.payload.title}`)

/** Plays one task in this session, or in a new one made from the body. The log that it leaves is checked against the order of events. */
export async function play(
  client: TestClient,
  where: Session | SessionBody,
  prompt: string,
  { decide = nobody, task: more = {} }: RoundOptions = {},
): Promise<Round> {
  const session = isSession(where) ? where : await client.createSession(where)
  const task = await client.startTask(session.session_id, prompt, more)
  return finish(client, session, task, decide)
}

/** The same for a task that runs already. */
export async function finish(
  client: TestClient,
  session: Session,
  task: TaskStarted,
  decide: NonNullable<RoundOptions['decide']> = () => 'leave',
): Promise<Round> {
  const end = await client.finish(task, (call) => (call.trace.task_id === task.task_id ? decide(call) : 'leave'))
  const log = await client.events(session.session_id)
  expectLawful(log)
  return { session, task, end, events: log.filter(({ trace }) => trace.task_id === task.task_id) }
}

/** The first calls of a session that wait for a person, in the order in which they were asked. */
export async function waitingCalls(client: TestClient, { session_id }: Session, count: number): Promise<readonly Requested[]> {
  const requested = new Map<string, Requested>()
  const waiting: Requested[] = []
  for await (const event of client.follow(session_id)) {
    if (event.type === 'tool.call.requested') requested.set(event.payload.tool_call_id, event)
    if (event.type === 'tool.call.policy_evaluated' && event.payload.result === 'ask') {
      const call = requested.get(event.payload.tool_call_id)
      if (call !== undefined) waiting.push(call)
    }
    if (waiting.length === count) return waiting
  }
  throw new Error(`the stream ended before ${count} calls waited`)
}

export async function waitingCall(client: TestClient, session: Session): Promise<Requested> {
  return first(await waitingCalls(client, session, 1))
}

function isSession(where: Session | SessionBody): where is Session {
  return 'session_id' in where
}
