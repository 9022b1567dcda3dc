import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { verbs } from '@codesdkd/protocol'
import type { EventLog, StoredEvent } from './ports.ts'
import { toOwnLog } from './own-log.ts'
import { toSight, type Rights } from './rights.ts'
import { sampleRecord } from './testing/record.ts'

const names = ['a', 'b', 'c', 'd']
const world = fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 12 })
const rights = fc.record({
  namespaces: fc.oneof(fc.constant('*' as const), fc.uniqueArray(fc.constantFrom(...names), { minLength: 1 })),
  sessions: fc.option(
    fc.array(fc.integer({ min: 0, max: 14 })).map((numbers) => new Set(numbers.map(String))),
    { nil: null },
  ),
  verbs: fc.constant(new Set(verbs)),
})

/** A log whose sessions are numbered, each in its namespace, with events in this order. */
function toLog(namespaces: readonly string[], order: readonly number[]): EventLog {
  const events = order.map((number, index): StoredEvent => {
    return { cursor: index + 1, sessionId: String(number % namespaces.length), seq: index + 1, type: 'x', json: '{}' }
  })
  const log: Partial<EventLog> = {
    session: (id) => {
      const credentialNamespace = namespaces[Number(id)]
      const snapshot = { seq: 0, runtimeSessionId: null, transcript: [] }
      return credentialNamespace === undefined ? null : { record: { ...sampleRecord(id), credentialNamespace }, snapshot }
    },
    readAll: (after, limit) => events.slice(after, after + limit),
    read: (id) => events.filter(({ sessionId }) => sessionId === id),
    lastSeq: (id) => events.findLast(({ sessionId }) => sessionId === id)?.seq ?? 0,
    sessionsWithOpenTasks: () => namespaces.map((_namespace, index) => String(index)),
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what is read of the log is here
  return log as EventLog
}

const isOwn = ({ namespaces, sessions }: Rights, id: string, of: readonly string[]) =>
  (namespaces === '*' || namespaces.includes(of[Number(id)] ?? '')) && (sessions === null || sessions.has(id))

test('whatever the rights and the sessions: all that is one’s own is seen, in order, and nothing else', () => {
  fc.assert(
    fc.property(world, fc.array(fc.nat(100), { maxLength: 60 }), rights, fc.integer({ min: 1, max: 7 }), (of, order, who, page) => {
      const log = toLog(of, order)
      const own = toOwnLog(log, toSight(who, log))
      const seen: StoredEvent[] = []
      for (let after: number | null = 0; after !== null;) {
        const { events, end } = own.readAll(after, page)
        seen.push(...events)
        after = end
      }
      const all = log.readAll(0, 1_000)
      expect(seen).toEqual(all.filter(({ sessionId }) => isOwn(who, sessionId, of)))
      for (const id of of.keys().map(String)) {
        const mine = isOwn(who, id, of)
        expect(own.read(id, 0, 100)).toEqual(mine ? log.read(id, 0, 100) : [])
        expect(own.lastSeq(id)).toBe(mine ? log.lastSeq(id) : 0)
        expect(own.sessionsWithOpenTasks().includes(id)).toBe(mine)
      }
    }),
  )
})
