import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { toFrame } from '../core/frame.ts'
import type { PendingEvent, StoredEvent } from '../core/ports.ts'
import { EventRows } from './event-rows.ts'
import { migrations } from './schema.ts'
import { SessionRows } from './session-rows.ts'
import { openDatabase } from './sqlite.ts'
import { fromStretch, type StoredStretch } from './stretch.ts'
import { temporaryDirectory } from './testing/samples.ts'

/** Session rows 1 and 2, called as their numbers. */
function openRows(directory: string) {
  const database = openDatabase(join(directory, `${crypto.randomUUID()}.db`), { migrations, expected: false })
  for (const no of [1, 2])
    database.exec(`INSERT INTO session (session_id, runtime, credential_namespace, record, snapshot) VALUES ('${no}', '', '', '{}', '{}')`)
  const count = () => (database.prepare('SELECT count(*) AS count FROM event').get() as { count: number }).count
  return { rows: new EventRows(database), count, [Symbol.dispose]: () => database.close() }
}

const types = ['model.output.delta', 'usage.reported', 'task.completed']

const made = fc.record({ type: fc.constantFrom(...types), length: fc.oneof(fc.nat(200), fc.nat(20_000)) })
const change = fc.record({ session: fc.constantFrom(1, 2), events: fc.array(made, { minLength: 1, maxLength: 40 }) })

function toPending(
  session: number,
  from: number,
  events: readonly { readonly type: string; readonly length: number }[],
): readonly PendingEvent[] {
  return events.map(({ type, length }, index) => ({
    sessionId: String(session),
    seq: from + index,
    type,
    json: JSON.stringify({ seq: from + index, text: 'é\n'.repeat(length) }),
  }))
}

const toEvents = (stretches: readonly StoredStretch[]) => stretches.flatMap((one) => fromStretch(one, one.frames.toString(), 0))

/** Stores the changes, and tells what is to be found of them. */
function store(rows: EventRows, changes: readonly { readonly session: number; readonly events: readonly PendingEvent[] }[]): StoredEvent[] {
  const all: StoredEvent[] = []
  for (const { session, events } of changes) all.push(...toEvents(rows.insert(String(session), session, all.length + 1, events)))
  return all
}

/** All frames after a seq, read in pieces. */
function framesOf(rows: EventRows, session: number, after: number, weight: number): string {
  let text = ''
  for (let position = after; ;) {
    const frames = rows.frames(String(session), position, weight)
    if (frames === null) return text
    text += frames.bytes.toString()
    position = frames.position
  }
}

test('however events are written together, each is found in its place', () => {
  using directory = temporaryDirectory()
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), fc.nat(120), fc.integer({ min: 1, max: 50 }), (made, after, limit) => {
      using table = openRows(directory.path)
      const last = new Map([
        [1, 0],
        [2, 0],
      ])
      const changes = made.map(({ session, events }) => {
        const from = (last.get(session) ?? 0) + 1
        last.set(session, from + events.length - 1)
        return { session, events: toPending(session, from, events) }
      })
      const all = store(table.rows, changes)
      expect(all.map(({ cursor }) => cursor)).toEqual(all.map((_, index) => index + 1))
      expect(table.rows.lastCursor()).toBe(all.length)
      expect(table.rows.all(after, limit, Infinity)).toEqual(all.slice(after, after + limit))
      for (const no of [1, 2]) {
        const own = all.filter(({ sessionId }) => sessionId === String(no))
        expect(table.rows.ofSession(String(no), after, limit, Infinity)).toEqual(own.slice(after, after + limit))
        expect(framesOf(table.rows, no, after, limit * 100)).toBe(
          own
            .slice(after)
            .map(({ seq, json }) => toFrame(seq, json))
            .join(''),
        )
        expect(table.rows.lastSeq(no)).toBe(own.length)
        expect(table.rows.lastOf(String(no), types.slice(1))).toBe(own.findLast(({ type }) => type !== types[0])?.seq ?? 0)
      }
      while (table.rows.erase(2, { rows: 256, bytes: 1_000_000 }) > 0);
      const left = all.filter(({ sessionId }) => sessionId === '1')
      for (const some of [1, limit])
        expect(table.rows.all(after, some, Infinity)).toEqual(left.filter(({ cursor }) => cursor > after).slice(0, some))
    }),
    { numRuns: 60 },
  )
})

test('what a commit of unknown fate has stored is found again, whatever has come since', () => {
  using directory = temporaryDirectory()
  fc.assert(
    fc.property(fc.array(made, { minLength: 1, maxLength: 30 }), fc.array(made, { maxLength: 30 }), (first, more) => {
      using table = openRows(directory.path)
      const before = toEvents(table.rows.insert('1', 1, 1, toPending(1, 1, first)))
      const after = toEvents(table.rows.insert('1', 1, 1, toPending(1, 1, [...first, ...more])))
      expect(after.slice(0, before.length)).toEqual(before)
      expect(table.rows.ofSession('1', 0, 100, Infinity)).toEqual(after)
      expect(after.length).toBe(first.length + more.length)
    }),
    { numRuns: 60 },
  )
})

test('many events that are written together share rows, few have one each', () => {
  using directory = temporaryDirectory()
  using table = openRows(directory.path)
  const deltas = (count: number) => Array.from({ length: count }, () => ({ type: 'model.output.delta', length: 100 }))
  table.rows.insert('1', 1, 1, toPending(1, 1, deltas(3)))
  expect(table.count()).toBe(3)
  table.rows.insert('1', 1, 4, toPending(1, 4, deltas(100)))
  expect(table.count()).toBeLessThan(6)
})

test('a session is erased in slices that are bounded by rows and by bytes', () => {
  using directory = temporaryDirectory()
  using table = openRows(directory.path)
  const large = Array.from({ length: 40 }, () => ({ type: 'model.output.delta', length: 2_000 }))
  const [one, other] = [toPending(1, 1, large), toPending(2, 1, large)]
  store(table.rows, [
    { session: 1, events: one },
    { session: 2, events: other },
  ])
  const rows = table.count() / 2
  const slices: number[] = []
  for (let erased = -1; erased !== 0;) slices.push((erased = table.rows.erase(1, { rows: 256, bytes: 70_000 })))
  expect(slices.reduce((sum, count) => sum + count)).toBe(40)
  expect(slices.length).toBeGreaterThan(rows / 3)
  expect(table.rows.ofSession('1', 0, 100)).toEqual([])
  expect(table.rows.ofSession('2', 0, 100, Infinity).length).toBe(40)
  expect([table.rows.erase(2, { rows: 2, bytes: Infinity }) < 40, table.rows.erase(2, { rows: 256, bytes: 0 }) > 0]).toEqual([true, true])
})

test('what an earlier daemon stored is found as before', () => {
  using directory = temporaryDirectory()
  const path = join(directory.path, 'earlier.db')
  const earlier = openDatabase(path, { migrations: migrations.slice(0, 2), expected: false })
  earlier.exec(`
    INSERT INTO session (session_id, runtime, credential_namespace, record, snapshot) VALUES ('1', '', '', '{}', '{}');
    INSERT INTO event (cursor, session_no, seq, type, body) VALUES (1, 1, 1, 'session.created', '{"seq":1}'), (2, 1, 2, 'task.completed', '{"seq":2}');
  `)
  earlier.close()
  const later = openDatabase(path, { migrations: migrations.slice(0, 3), expected: true })
  later.exec(`
    INSERT INTO event (cursor, session_no, seq, count, type, body)
    VALUES (3, 1, 3, 2, 'usage.reported*1,task.completed*1', '{"seq":3}' || char(10) || '{"seq":4,"time":"now"}')
  `)
  later.close()
  using database = openDatabase(path, { migrations, expected: true })
  const [rows, sessions] = [new EventRows(database), new SessionRows(database)]
  expect(sessions.ages({ limit: 5 }).map(({ lastTime }) => lastTime)).toEqual(['now'])
  const last = { cursor: 4, sessionId: '1', seq: 4, type: 'task.completed', json: '{"seq":4,"time":"now"}' }
  expect(rows.ofSession('1', 1, 10).map(({ json }) => json)).toEqual(['{"seq":2}', '{"seq":3}', last.json])
  expect(rows.ofSession('1', 3, 10)).toEqual([last])
  expect(framesOf(rows, 1, 0, 1)).toBe([1, 2, 3].map((seq) => toFrame(seq, `{"seq":${seq}}`)).join('') + toFrame(4, last.json))
  expect([rows.lastCursor(), rows.lastSeq(1), rows.lastOf('1', ['session.created'])]).toEqual([4, 4, 1])
})

test('the time of a session is that of its last event, wherever that lies', () => {
  using directory = temporaryDirectory()
  using database = openDatabase(join(directory.path, 'a.db'), { migrations, expected: false })
  const [sessions, rows] = [new SessionRows(database), new EventRows(database)]
  for (const no of [1, 2])
    database.exec(`INSERT INTO session (session_id, runtime, credential_namespace, record, snapshot) VALUES ('${no}', '', '', '{}', '{}')`)
  const timed = (seq: number) => ({ sessionId: '1', seq, type: 'x', json: JSON.stringify({ time: `at ${seq}`, text: 'x'.repeat(1_000) }) })
  rows.insert(
    '1',
    1,
    1,
    Array.from({ length: 40 }, (_, index) => timed(index + 1)),
  )
  expect(sessions.ages({ limit: 5 }).map(({ lastTime }) => lastTime)).toEqual(['at 40', null])
})
