import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Append, Clock, PendingEvent, TaskRecord } from '../../core/ports.ts'
import { sampleRecord } from '../../core/testing/record.ts'
import { openStorage, type Storage, type StorageOptions } from '../storage.ts'

/** An empty directory that is gone after the test. */
export function temporaryDirectory(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'codesdkd-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

export const clock: Clock = { now: () => '2026-11-22T12:00:00.000Z', monotonic: () => performance.now() }

export function openSample(path: string, options: Partial<StorageOptions> = {}): Storage {
  return openStorage({ path, clock, newId: () => randomUUID().replaceAll('-', ''), ...options })
}

/** The event that every test expects under this number. */
export function sampleEvent(sessionId: string, seq: number, text = ''): PendingEvent {
  return {
    sessionId,
    seq,
    type: 'runtime.notice',
    json: JSON.stringify({ seq, type: 'runtime.notice', trace: { session_id: sessionId }, payload: { text } }),
  }
}

/** Events `first` to `last` of a session; with the row of the session if they begin it. */
export function sampleAppend(sessionId: string, first: number, last = first, changes: Partial<Append> = {}): Append {
  const events = Array.from({ length: last - first + 1 }, (_, index) => sampleEvent(sessionId, first + index))
  return { sessionId, events, durability: 'lazy', ...(first === 1 ? { session: sampleRecord(sessionId) } : {}), ...changes }
}

export function sampleTask(sessionId: string, taskId: string, status: 'running' | 'completed'): TaskRecord {
  const task = {
    session_id: sessionId,
    task_id: taskId,
    status,
    last_seq: 1,
    phase: status,
    created_at: clock.now(),
    started_at: null,
    ended_at: null,
    usage: null,
  }
  return { task, bodyHash: `hash of ${taskId}` }
}
