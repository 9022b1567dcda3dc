import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { SessionRecord, StoredEvent } from '../core/ports.ts'
import { noSandbox } from '../core/session-sandbox.ts'
import type { SqliteEventLog } from './event-log.ts'
import { sampleRecord } from '../core/testing/record.ts'
import { openSample, sampleAppend, sampleEvent, sampleTask, temporaryDirectory } from './testing/samples.ts'

/** The whole log of a session, page by page. */
function readWhole(log: SqliteEventLog, sessionId: string, limit = 1000): readonly StoredEvent[] {
  const events: StoredEvent[] = []
  for (let page = log.read(sessionId, 0, limit); page.length > 0; page = log.read(sessionId, events.length, limit)) events.push(...page)
  return events
}

describe('appending', () => {
  test('shows events after the commit and not before', async () => {
    using directory = temporaryDirectory()
    using storage = openSample(directory.path)
    const { log } = storage
    const done = log.append(sampleAppend('s', 1, 3))
    expect([log.lastSeq('s'), log.lastCursor(), log.read('s', 0, 10), log.readAll(0, 10), log.session('s')]).toEqual([0, 0, [], [], null])
    await done
    expect([log.lastSeq('s'), log.lastCursor()]).toEqual([3, 3])
    expect(log.read('s', 0, 10)).toEqual([1, 2, 3].map((seq) => ({ ...sampleEvent('s', seq), cursor: seq })))
    expect(log.readAll(1, 1)).toEqual([{ ...sampleEvent('s', 2), cursor: 2 }])
  })

  test('any interleaving of sessions leaves each gapless, also after a restart, and read(after k) is the log without its first k', async () => {
    const step = fc.record({
      session: fc.constantFrom('a', 'b', 'c'),
      count: fc.integer({ min: 1, max: 4 }),
      durability: fc.constantFrom('lazy' as const, 'synced' as const),
      wait: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), fc.nat(20), async (steps, after) => {
        using directory = temporaryDirectory()
        const counts = new Map<string, number>()
        let live: readonly StoredEvent[]
        {
          using storage = openSample(directory.path)
          const pending: Promise<void>[] = []
          for (const { session, count, durability, wait } of steps) {
            const first = (counts.get(session) ?? 0) + 1
            counts.set(session, first + count - 1)
            const done = storage.log.append(sampleAppend(session, first, first + count - 1, { durability }))
            if (wait) await done
            else pending.push(done)
          }
          await Promise.all(pending)
          live = storage.log.readAll(0, 1000)
        }
        using storage = openSample(directory.path)
        const { log } = storage
        expect(log.readAll(0, 1000)).toEqual(live)
        expect(live.map(({ cursor }) => cursor)).toEqual(live.map((_, index) => index + 1))
        for (const [session, count] of counts) {
          const expected = Array.from({ length: count }, (_, index) => sampleEvent(session, index + 1))
          const stored = readWhole(log, session)
          expect(stored).toMatchObject(expected)
          expect(log.read(session, after, 1000)).toEqual(stored.slice(after))
          expect(live.filter(({ sessionId }) => sessionId === session)).toEqual(stored)
        }
      }),
      { numRuns: 25 },
    )
  })

  test('refuses events that do not follow, alone and without harm to others', async () => {
    using directory = temporaryDirectory()
    using storage = openSample(directory.path)
    const { log } = storage
    await expect(log.append(sampleAppend('s', 2))).rejects.toThrow('s is not known')
    const good = log.append(sampleAppend('s', 1, 2))
    await expect(log.append(sampleAppend('s', 1, 2))).rejects.toThrow('s exists already')
    await expect(log.append(sampleAppend('s', 2))).rejects.toThrow('seq 2 of s where 3 of s is next')
    await expect(log.append(sampleAppend('s', 4))).rejects.toThrow('seq 4 of s where 3 of s is next')
    await expect(log.append({ ...sampleAppend('s', 3), events: [sampleEvent('t', 3)] })).rejects.toThrow('seq 3 of t where 3 of s is next')
    await expect(
      log.append({ ...sampleAppend('s', 3), snapshot: { seq: 3, runtimeSessionId: null, transcript: [1n as unknown as string] } }),
    ).rejects.toThrow(TypeError)
    await good
    await log.append(sampleAppend('s', 3))
    expect(readWhole(log, 's').map(({ seq }) => seq)).toEqual([1, 2, 3])
  })

  test('keeps every character', async () => {
    using directory = temporaryDirectory()
    const texts = ['\ud800', '\udfff tail', 'a\u0000b', '\u2028\u2029', '😀', '\ufeff', '"\\\n']
    {
      using storage = openSample(directory.path)
      await storage.log.append({ ...sampleAppend('s', 1), events: texts.map((text, index) => sampleEvent('s', index + 1, text)) })
    }
    using storage = openSample(directory.path)
    const stored = storage.log.read('s', 0, 100).map(({ json }) => (JSON.parse(json) as { payload: { text: string } }).payload.text)
    expect(stored).toEqual(texts)
  })

  test('rejects after the end', async () => {
    using directory = temporaryDirectory()
    using storage = openSample(directory.path)
    const last = storage.log.append(sampleAppend('s', 1))
    storage[Symbol.dispose]()
    await last
    await expect(storage.log.append(sampleAppend('s', 2))).rejects.toMatchObject({ code: 'shutting_down' })
    using again = openSample(directory.path)
    expect(again.log.lastSeq('s')).toBe(1)
  })
})

describe('reading', () => {
  test('is bounded by count and by bytes, from memory and from the disk alike', async () => {
    using directory = temporaryDirectory()
    const large = Array.from({ length: 10 }, (_, index) => sampleEvent('s', index + 1, 'x'.repeat(300_000)))
    const pages: (readonly number[])[] = []
    {
      using storage = openSample(directory.path)
      await storage.log.append({ ...sampleAppend('s', 1), events: large })
      pages.push(
        storage.log.read('s', 7, 100).map(({ seq }) => seq),
        storage.log.read('s', 0, 100).map(({ seq }) => seq),
      )
    }
    using storage = openSample(directory.path)
    for (const after of [7, 0]) pages.push(storage.log.read('s', after, 100).map(({ seq }) => seq))
    expect(pages).toEqual([
      [8, 9, 10],
      [1, 2, 3, 4],
      [8, 9, 10],
      [1, 2, 3, 4],
    ])
    expect(storage.log.read('s', 0, 2)).toHaveLength(2)
    expect(readWhole(storage.log, 's', 3)).toHaveLength(10)
  })

  test('goes on where a session has left memory', async () => {
    using directory = temporaryDirectory()
    using storage = openSample(directory.path)
    const { log } = storage
    await log.append(sampleAppend('first', 1, 5))
    for (let index = 0; index < 50; index++) await log.append(sampleAppend(`other ${index}`, 1))
    expect(log.lastSeq('first')).toBe(5)
    await log.append(sampleAppend('first', 6, 7))
    expect(readWhole(log, 'first').map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7])
    expect(log.read('first', 5, 10).map(({ seq }) => seq)).toEqual([6, 7])
  })

  test('of what does not exist finds nothing', () => {
    using directory = temporaryDirectory()
    using storage = openSample(directory.path)
    const { log } = storage
    expect([
      log.read('none', 0, 10),
      log.lastSeq('none'),
      log.lastCursor(),
      log.session('none'),
      log.task('none', 't'),
      log.tasks('none', null, 10),
    ]).toEqual([[], 0, 0, null, null, []])
    expect(log.stats()).toMatchObject({ sessions: 0, events: 0 })
  })

  test('fails with a problem when the database is gone', () => {
    using directory = temporaryDirectory()
    const storage = openSample(directory.path)
    storage[Symbol.dispose]()
    expect(() => storage.log.read('s', 0, 10)).toThrow(expect.objectContaining({ code: 'storage_unavailable' }))
  })
})

describe('who watches', () => {
  test('is told with each commit of its session, or of any, until it does not watch any more', async () => {
    using directory = temporaryDirectory()
    using storage = openSample(directory.path)
    const { log } = storage
    const seen: string[] = []
    const ofSession = log.watch('s', () => seen.push(`s has ${log.lastSeq('s')}`))
    using _ofOther = log.watch('other', () => seen.push('other'))
    const ofAll = log.watchAll(() => seen.push(`all have ${log.lastCursor()}`))
    await log.append(sampleAppend('s', 1, 2))
    expect(seen.splice(0).toSorted()).toEqual(['all have 2', 's has 2'])
    ofSession[Symbol.dispose]()
    await log.append(sampleAppend('s', 3))
    expect(seen.splice(0)).toEqual(['all have 3'])
    ofAll[Symbol.dispose]()
    await log.append(sampleAppend('s', 4))
    expect(seen).toEqual([])
  })

  test('is told of the end of the log', () => {
    using directory = temporaryDirectory()
    const storage = openSample(directory.path)
    const seen: string[] = []
    storage.log.watch('s', () => seen.push('s'))
    storage.log.watchAll(() => seen.push('all'))
    storage[Symbol.dispose]()
    expect(seen).toEqual(['s', 'all'])
  })
})

describe('sessions', () => {
  test('are listed in order of creation, since the start or all, by page and by filter', async () => {
    using directory = temporaryDirectory()
    {
      using storage = openSample(directory.path)
      for (const id of ['e', 'd']) await storage.log.append(sampleAppend(id, 1))
    }
    using storage = openSample(directory.path)
    const { log } = storage
    await log.append(sampleAppend('c', 1))
    await log.append(sampleAppend('b', 1, 1, { session: sampleRecord('b', { runtime: 'claude-code' }) }))
    await log.append(sampleAppend('a', 1, 1, { session: sampleRecord('a', { credentialNamespace: 'team' }) }))
    const ids = (...args: Parameters<typeof log.sessions>) => log.sessions(...args)?.map(({ sessionId }) => sessionId) ?? null
    expect(ids({ scope: 'daemon' }, null, 10)).toEqual(['c', 'b', 'a'])
    expect(ids({ scope: 'all' }, null, 10)).toEqual(['e', 'd', 'c', 'b', 'a'])
    expect(ids({ scope: 'all' }, 'd', 2)).toEqual(['c', 'b'])
    expect(ids({ scope: 'daemon' }, 'a', 10)).toEqual([])
    expect(ids({ scope: 'all', runtime: 'claude-code' }, null, 10)).toEqual(['b'])
    expect(ids({ scope: 'all', credentialNamespace: 'team' }, null, 10)).toEqual(['a'])
    expect(ids({ scope: 'all' }, 'unknown', 10)).toBeNull()
    expect(log.stats()).toMatchObject({ sessions: 5, events: 5, bytes: expect.any(Number) })
  })

  test('come with their record and their latest snapshot', async () => {
    using directory = temporaryDirectory()
    const record = sampleRecord('s', {
      title: 'A title',
      metadata: { ticket: '7' },
      runtimeConfig: { sandbox: 'off' },
      approvalTimeoutMs: 5000,
    })
    const snapshot = { seq: 2, runtimeSessionId: 'native', transcript: ['sha256:1', 'sha256:2'] }
    {
      using storage = openSample(directory.path)
      await storage.log.append(sampleAppend('s', 1, 1, { session: record }))
      expect(storage.log.session('s')).toEqual({ record, snapshot: { seq: 0, runtimeSessionId: null, transcript: [] } })
      await storage.log.append(sampleAppend('s', 2, 2, { snapshot }))
    }
    using storage = openSample(directory.path)
    expect(storage.log.session('s')).toEqual({ record, snapshot })
  })

  test('of an earlier daemon have no sandbox', async () => {
    using directory = temporaryDirectory()
    using storage = openSample(directory.path)
    const { sandbox: _later, ...earlier } = sampleRecord('s')
    await storage.log.append(sampleAppend('s', 1, 1, { session: earlier as SessionRecord }))
    expect(storage.log.session('s')?.record.sandbox).toEqual(noSandbox)
    expect(storage.log.sessions({ scope: 'daemon' }, null, 1)?.map(({ sandbox }) => sandbox)).toEqual([noSandbox])
  })

  test('are found by the key of the request that made them', async () => {
    using directory = temporaryDirectory()
    const record = sampleRecord('s', { idempotency: { key: 'k', bodyHash: 'h' } })
    {
      using storage = openSample(directory.path)
      await storage.log.append(sampleAppend('s', 1, 1, { session: record }))
      await storage.log.append(sampleAppend('t', 1))
    }
    using storage = openSample(directory.path)
    expect(storage.log.sessionByIdempotencyKey('k')).toEqual(record)
    expect(storage.log.sessionByIdempotencyKey('other')).toBeNull()
  })
})

describe('tasks', () => {
  test('keep their place and show their latest state', async () => {
    using directory = temporaryDirectory()
    {
      using storage = openSample(directory.path)
      await storage.log.append(sampleAppend('s', 1, 1, { tasks: [sampleTask('s', 'b', 'running'), sampleTask('s', 'a', 'running')] }))
      await storage.log.append({ sessionId: 's', events: [], durability: 'synced', tasks: [sampleTask('s', 'b', 'completed')] })
      await storage.log.append(sampleAppend('t', 1, 1, { tasks: [sampleTask('t', 'b', 'running')] }))
      await storage.log.append(sampleAppend('u', 1, 1, { tasks: [sampleTask('u', 'b', 'completed')] }))
    }
    using storage = openSample(directory.path)
    const { log } = storage
    const ids = (after: string | null, limit: number) => log.tasks('s', after, limit)?.map(({ task }) => task.task_id) ?? null
    expect(log.task('s', 'b')).toEqual(sampleTask('s', 'b', 'completed'))
    expect(log.task('t', 'b')).toEqual(sampleTask('t', 'b', 'running'))
    expect(log.task('t', 'a')).toBeNull()
    expect([ids(null, 10), ids(null, 1), ids('b', 10), ids('a', 10), ids('unknown', 10)]).toEqual([['b', 'a'], ['b'], ['a'], [], null])
    expect(log.sessionsWithOpenTasks()).toEqual(['s', 't'])
  })
})
