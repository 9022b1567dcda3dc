import { isApiError, type Connection } from '@codesdkd/client'
import type { Approval, OpenQuestion, Session } from '@codesdkd/protocol'
import { signal } from '@preact/signals'
import { client, toMessage } from './client.ts'
import { createGathering } from './gathering.ts'

/** All sessions by id, and everything that waits for a person: kept up by the stream of all sessions. */
export const sessions = signal<ReadonlyMap<string, Session>>(new Map())
export const approvals = signal<readonly Approval[]>([])
export const questions = signal<readonly OpenQuestion[]>([])
export const connection = signal<Connection>({ phase: 'connecting' })
export const failure = signal<string | null>(null)
/** Whether the lists have been read once. */
export const loaded = signal(false)

/** What changes a line of the list, or the inbox. */
const types = ['session.*', 'task.*', 'question.*', 'tool.call.policy_evaluated', 'tool.call.approved', 'tool.call.denied']
const MILLISECONDS = 100

/** Follows the daemon until the signal aborts, or the daemon refuses for good. */
export async function followDaemon(aborted: AbortSignal): Promise<void> {
  const options = { signal: aborted }
  const changed = createGathering<string>(MILLISECONDS, async (ids) => {
    const found = await Promise.all([...ids].map((id) => client.getSession(id, options).catch(() => null)))
    const next = new Map(sessions.value)
    // One that is not told of any more was deleted.
    ;[...ids].forEach((id, index) => {
      const session = found[index]
      if (session == null) next.delete(id)
      else next.set(id, session)
    })
    sessions.value = next
    await readInbox(options)
  })
  const readAll = async () => {
    sessions.value = new Map((await listSessions(options)).map((session) => [session.session_id, session]))
    await readInbox(options)
    loaded.value = true
  }
  try {
    failure.value = null
    const stream = client.followAll({
      after: 'latest',
      types,
      signal: aborted,
      onConnection(now) {
        connection.value = now
        if (now.phase === 'live') readAll().catch(fail)
      },
      onResync: () => undefined,
    })
    for await (const { event } of stream) changed.add(event.trace.session_id)
  } catch (error) {
    if (!aborted.aborted) fail(error)
  }
}

/** Reads one session anew, where something was changed from here. */
export async function refreshSession(sessionId: string): Promise<void> {
  const session = await client.getSession(sessionId)
  sessions.value = new Map(sessions.value).set(sessionId, session)
}

/** Whether it is a replay: what waits in it waits for nobody. */
export function isReadOnly(sessionId: string): boolean {
  return sessions.value.get(sessionId)?.read_only === true
}

export function forgetSession(sessionId: string): void {
  const next = new Map(sessions.value)
  next.delete(sessionId)
  sessions.value = next
}

function fail(error: unknown): void {
  failure.value = toMessage(error)
}

async function readInbox(options: { readonly signal: AbortSignal }): Promise<void> {
  const [calls, asked] = await Promise.all([
    everyPage(async (after) => {
      const { approvals: items, next_after } = await client.listApprovals({ after, limit: 500 }, options)
      return { items, next_after }
    }).catch(unlessForbidden),
    everyPage(async (after) => {
      const { questions: items, next_after } = await client.listQuestions({ after, limit: 500 }, options)
      return { items, next_after }
    }).catch(unlessForbidden),
  ])
  approvals.value = calls
  questions.value = asked
}

/** A token with a part of the rights shows a part of the page. */
function unlessForbidden(error: unknown): readonly never[] {
  if (isApiError(error, 'verb_not_allowed')) return []
  throw error
}

function listSessions(options: { readonly signal: AbortSignal }): Promise<readonly Session[]> {
  return everyPage(async (after) => {
    const { sessions: items, next_after } = await client.listSessions({ scope: 'all', after, limit: 500 }, options)
    return { items, next_after }
  })
}

async function everyPage<T>(
  read: (after: string | undefined) => Promise<{ readonly items: readonly T[]; readonly next_after: string | null }>,
): Promise<readonly T[]> {
  const all: T[] = []
  for (let after: string | undefined; ;) {
    const { items, next_after } = await read(after)
    all.push(...items)
    if (next_after === null) return all
    after = next_after
  }
}
