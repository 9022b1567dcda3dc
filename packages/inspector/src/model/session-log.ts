import { ResyncError, type Connection } from '@codesdkd/client'
import type { Event } from '@codesdkd/protocol'
import { signal, type ReadonlySignal } from '@preact/signals'
import { client, toMessage } from './client.ts'
import { createTimeline, type Timeline } from './timeline.ts'

/** The log of one session, whole and live. What is read of it is current whenever `version` has changed: at most once a frame. */
export interface SessionLog extends Disposable {
  readonly sessionId: string
  readonly version: ReadonlySignal<number>
  readonly connection: ReadonlySignal<Connection>
  readonly failure: ReadonlySignal<string | null>
  readonly events: () => readonly Event[]
  readonly timeline: () => Timeline
}

export function openSessionLog(sessionId: string): SessionLog {
  const ended = new AbortController()
  const version = signal(0)
  const connection = signal<Connection>({ phase: 'connecting' })
  const failure = signal<string | null>(null)
  let events: Event[] = []
  let timeline = createTimeline()
  let due = 0
  const show = () => {
    due ||= requestAnimationFrame(() => {
      due = 0
      version.value += 1
    })
  }

  async function follow(): Promise<void> {
    const stream = client.follow(sessionId, {
      signal: ended.signal,
      onConnection(now) {
        connection.value = now
        show()
      },
    })
    for await (const event of stream) {
      events.push(event)
      timeline.add(event)
      show()
    }
  }
  async function followAnyLog(): Promise<void> {
    for (;;) {
      try {
        await follow()
        return
      } catch (error) {
        if (!(error instanceof ResyncError)) throw error
        // Another log: what was shown is not the past of what will come.
        events = []
        timeline = createTimeline()
      }
    }
  }
  followAnyLog().catch((error: unknown) => {
    if (!ended.signal.aborted) failure.value = toMessage(error)
  })

  return {
    sessionId,
    version,
    connection,
    failure,
    events: () => events,
    timeline: () => timeline,
    [Symbol.dispose]() {
      ended.abort()
      cancelAnimationFrame(due)
    },
  }
}
