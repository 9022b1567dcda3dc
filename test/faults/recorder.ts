import assert from 'node:assert/strict'
import type { Answer, TestClient } from '../harness/client.ts'
import { toPrompt, type Step } from './script.ts'

/** A call that waits for a decision, as its event has it. */
export interface Asked {
  readonly toolCallId: string
  readonly attempt: number
  readonly inputHash: string
}

/** What one client saw of a session, byte for byte, and what was answered to its writes. Outlives daemons. */
export class Recorder {
  readonly sessionId: string
  /** seq -> the event's JSON as a stream had it. */
  readonly seen = new Map<number, string>()
  /** seq -> the event as a poll had it. */
  readonly polled = new Map<number, string>()
  /** Tasks that were answered with 202. */
  readonly accepted = new Set<string>()
  /** Calls whose approval, or denial, was answered with 2xx. */
  readonly approved = new Set<string>()
  readonly denied = new Set<string>()
  #last = 0

  /** seq of the last event that a stream had. */
  get last(): number {
    return this.#last
  }

  constructor(sessionId: string) {
    this.sessionId = sessionId
  }

  /** Creates a session. Rejects when it is refused or nobody answers. */
  static async create(client: TestClient, body: Readonly<Record<string, unknown>>): Promise<Recorder> {
    return new Recorder((await client.createSession(body)).session_id)
  }

  /** Rejects when it is refused or nobody answers. */
  async task(client: TestClient, ...steps: readonly Step[]): Promise<string> {
    const { task_id } = await client.startTask(this.sessionId, toPrompt(...steps))
    this.accepted.add(task_id)
    return task_id
  }

  async decide(client: TestClient, verb: 'approve' | 'deny', { toolCallId, attempt, inputHash }: Asked): Promise<Answer> {
    const body = { attempt, input_hash: inputHash, ...(verb === 'deny' ? { reason: 'no' } : {}) }
    const answer = await client.post(`/sessions/${this.sessionId}/tool-calls/${toolCallId}/${verb}`, body)
    if (answer.status < 300) (verb === 'approve' ? this.approved : this.denied).add(toolCallId)
    return answer
  }

  /**
   * Follows from the last event seen until the stream ends or breaks, or `until` says so of an event; true when it was `until`.
   * Rejects only when the stream has a gap, an event twice, or tells of a loss.
   */
  async follow(client: TestClient, until: (event: Seen) => boolean = () => false, signal?: AbortSignal): Promise<boolean> {
    const headers = { 'last-event-id': String(this.#last) }
    try {
      for await (const { id, event, data } of client.frames(`/sessions/${this.sessionId}/events`, { headers, ...(signal && { signal }) })) {
        assert.notEqual(event, 'resync', `O1: a resync after ${this.#last}: ${data}`)
        if (event !== undefined) continue
        assert.equal(Number(id), this.#last + 1, 'O2: a gap, or an event twice')
        this.#last += 1
        this.seen.set(this.#last, data)
        if (until(JSON.parse(data) as Seen)) return true
      }
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error
    }
    return false
  }

  /** One poll of all there is. Never rejects. */
  async poll(client: TestClient): Promise<void> {
    const events = await client.events(this.sessionId).catch(() => [])
    for (const event of events) this.polled.set(event.seq, JSON.stringify(event))
  }

  /** The calls that wait for a person, as far as was seen. */
  asked(): readonly Asked[] {
    const requested = new Map<string, Asked>()
    const calls = new Map<string, Asked>()
    for (const json of this.seen.values()) {
      const { type, payload } = JSON.parse(json) as Seen
      const { tool_call_id: toolCallId, attempt, input_hash: inputHash } = payload
      if (toolCallId === undefined) continue
      const call = requested.get(toolCallId)
      if (type === 'tool.call.requested') requested.set(toolCallId, { toolCallId, attempt: attempt ?? 1, inputHash: inputHash ?? '' })
      else if (type === 'tool.call.policy_evaluated' && payload.result === 'ask' && call !== undefined) calls.set(toolCallId, call)
      else if (type === 'tool.call.approved' || type === 'tool.call.denied') calls.delete(toolCallId)
    }
    return [...calls.values()]
  }

  /** Resolves with the first call that waits for a decision. */
  async question(client: TestClient): Promise<Asked> {
    const waits = ({ type, payload }: Seen) => type === 'tool.call.policy_evaluated' && payload.result === 'ask'
    const known = [...this.seen.values()].some((json) => waits(JSON.parse(json) as Seen)) && this.asked().length > 0
    if (!known) await this.follow(client, (event) => waits(event) || isEnd(event.type))
    const [first] = this.asked()
    assert.ok(first, 'the stream or the task ended before the agent asked')
    return first
  }

  /** Follows to the end of a task; returns its terminal event. */
  async end(client: TestClient, taskId: string): Promise<Seen> {
    const fits = (event: Seen) => isEnd(event.type) && event.trace.task_id === taskId
    const find = () => [...this.seen.values()].map((json) => JSON.parse(json) as Seen).find(fits)
    if (find() === undefined) await this.follow(client, fits)
    const found = find()
    assert.ok(found, 'the stream ended before the task did')
    return found
  }
}

/** What is looked at in an event. */
export interface Seen {
  readonly seq: number
  readonly type: string
  readonly trace: { readonly session_id?: string; readonly task_id?: string }
  readonly payload: {
    readonly tool_call_id?: string
    readonly attempt?: number
    readonly input_hash?: string
    readonly result?: string
    readonly kind?: string
    readonly reason?: string
    readonly is_error?: boolean
    readonly result_preview?: string
    readonly input?: unknown
    readonly error?: { readonly code: string; readonly message?: string } | null
  }
}

export function isEnd(type: string): boolean {
  return type === 'task.completed' || type === 'task.failed' || type === 'task.stopped'
}
