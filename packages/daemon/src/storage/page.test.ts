import { expect, test } from 'vitest'
import type { StoredEvent } from '../core/ports.ts'
import { toPage } from './page.ts'

function storedEvent(seq: number, length: number): StoredEvent {
  return { cursor: seq, sessionId: 's', seq, type: 'runtime.notice', json: 'x'.repeat(length) }
}

test('a page is bounded by count and by size, and holds at least one event', () => {
  const large = [1, 2, 3, 4].map((seq) => storedEvent(seq, 600_000))
  expect(toPage([large], 10).map((event) => event.seq)).toEqual([1, 2])
  expect(toPage([large], 1).map((event) => event.seq)).toEqual([1])
  expect(toPage([[storedEvent(1, 5_000_000)]], 10)).toHaveLength(1)
  expect(toPage([large], 0)).toEqual([])
})
