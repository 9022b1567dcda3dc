import { setTimeout } from 'node:timers/promises'
import { evolve, emptyState } from '@codesdkd/protocol'
import type { Logger } from 'pino'
import { toTask } from './core/journal.ts'
import type { Clock } from './core/ports.ts'
import type { Recording } from './core/recording.ts'
import { Replay, type Pace } from './core/replay.ts'
import type { Sessions } from './core/sessions.ts'
import type { Storage } from './storage/storage.ts'

/** What a daemon is to replay. */
export interface ReplayPlan {
  readonly recording: Recording
  readonly pace: Pace
}

interface Parts {
  readonly storage: Pick<Storage, 'log' | 'artifacts'>
  readonly sessions: Pick<Sessions, 'feed'>
  readonly clock: Clock
  readonly logger: Logger
}

/** Makes the session of a recording, with its artifacts and its first event, and lets the others follow. */
export async function startReplay({ recording, pace }: ReplayPlan, { storage, sessions, clock, logger }: Parts): Promise<Replay> {
  const { sessionId } = recording.record
  for (const { artifactId, contentType, content } of recording.artifacts)
    storage.artifacts.put(sessionId, content, { artifactId, contentType })
  begin(recording, storage)
  const feed = sessions.feed(sessionId)
  const report = (error: unknown) => logger.error({ err: error }, 'the replay does not go on')
  const replay = new Replay({ recording, feed, pace, clock, report, wait: (time, signal) => setTimeout(time, undefined, { signal }) })
  await replay.start()
  return replay
}

/** Older events may have been left out of a bundle: the log begins where it does. */
function begin({ record, events: [first] }: Recording, { log }: Parts['storage']): void {
  if (first === undefined) throw new Error('a recording has events')
  const { event, json } = first
  const { sessionId } = record
  using copy = log.copy(record)
  const open = evolve(emptyState(sessionId), event).tasks.values()
  copy.addTasks([...open].map((task) => ({ task: toTask(sessionId, task), bodyHash: '' })))
  const own = { sessionId, seq: event.seq, type: event.type, json }
  copy.publish([own], { seq: event.seq - 1, runtimeSessionId: null, transcript: [] })
}
