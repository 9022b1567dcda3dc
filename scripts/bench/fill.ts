import { flatOut, type Flood } from './flood.ts'
import { runFlood } from './flood-run.ts'
import type { LoadProcess } from './load-process.ts'
import type { Session, Target } from './target.ts'

/** A session whose log holds what one flood leaves. Resolves when the task has ended. */
export async function fill(target: Target, load: LoadProcess, flood: Flood): Promise<Session> {
  const session = await target.openSession()
  await runFlood({ target, sessions: [session], readers: 1, flood, loads: [load] })
  return session
}

/** The same, and a last short task, whose path is the second member. */
export async function fillWithTask(target: Target, load: LoadProcess, events: number): Promise<readonly [Session, string]> {
  const session = await fill(target, load, flatOut(events))
  const order = {
    kind: 'follow',
    port: target.port,
    streams: [{ path: `${session.path}/events?after_seq=${events}`, mode: 'parse' }],
  } as const
  const { done } = await load.follow(order)
  const task = await target.startTask(session, flatOut(10))
  await done
  return [session, task]
}
