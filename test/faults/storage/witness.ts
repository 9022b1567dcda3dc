import assert from 'node:assert/strict'
import type { TestClient } from '../../harness/client.ts'

/** What one client saw of a session, byte for byte, and what the log must be like because of it. */
export class Witness {
  readonly sessionId: string
  /** The JSON of each event, by place: seq 1 is the first. */
  readonly seen: string[] = []
  readonly #accepted: string[] = []

  constructor(sessionId: string) {
    this.sessionId = sessionId
  }

  /** A task that was answered with 202. */
  accepted(taskId: string): void {
    this.#accepted.push(taskId)
  }

  /** Follows from where it stands until the stream ends, breaks, or `until` says so of an event's type. True when it was `until`. */
  async follow(client: TestClient, until: (type: string) => boolean, signal?: AbortSignal): Promise<boolean> {
    const headers = { 'last-event-id': String(this.seen.length) }
    try {
      for await (const { id, event, data } of client.frames(`/sessions/${this.sessionId}/events`, { headers, ...(signal && { signal }) })) {
        if (event === 'resync') throw new assert.AssertionError({ message: `resync at ${this.seen.length}: ${data}` })
        if (event !== undefined) continue
        assert.equal(Number(id), this.seen.length + 1, 'a gap, or an event twice')
        this.seen.push(data)
        if (until((JSON.parse(data) as { type: string }).type)) return true
      }
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error
    }
    return false
  }

  /** Everything seen is stored with the same bytes, numbered without a gap; every accepted task has one end and nothing after it. Returns the number of events. */
  async check(client: TestClient): Promise<number> {
    const stored: string[] = []
    for await (const { id, event, data } of client.frames(`/sessions/${this.sessionId}/events?after_seq=0`)) {
      if (event === 'caught_up') break
      if (event !== undefined) continue
      assert.equal(Number(id), stored.length + 1, 'O2: seq has a gap')
      stored.push(data)
    }
    for (const [index, text] of this.seen.entries())
      assert.equal(stored[index], text, `O1: event ${index + 1} was seen and is not what is stored`)
    const ends = new Map<string, number>()
    for (const text of stored) {
      const { type, trace } = JSON.parse(text) as { type: string; trace: { task_id?: string } }
      const taskId = trace.task_id ?? ''
      assert.ok(taskId === '' || !ends.has(taskId), `O3: ${type} after the end of ${taskId}`)
      if (isEnd(type)) ends.set(taskId, 1)
    }
    for (const taskId of this.#accepted) assert.ok(ends.has(taskId), `O3: ${taskId} has no end`)
    return stored.length
  }
}

export function isEnd(type: string): boolean {
  return type === 'task.completed' || type === 'task.failed' || type === 'task.stopped'
}
