import { createParser, type EventSourceMessage } from 'eventsource-parser'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toOwnLog } from '../core/own-log.ts'
import type { EventLog } from '../core/ports.ts'
import { everyType, toEventFilter } from './event-filter.ts'
import { eventStream, followAll, followSession, fromCursor, toCursor, type Followable, type FollowOptions } from './event-stream.ts'
import { RecentFrames } from './recent-frames.ts'
import { openEdge, type TestEdge } from './testing/edge.ts'
import { appendEvents, setTask } from './testing/events.ts'

let edge: TestEdge
let log: EventLog

beforeAll(async () => {
  edge = await openEdge()
  log = edge.log
})
afterAll(() => edge[Symbol.asyncDispose]())

/** What a client of the stream parses. */
class Reader {
  readonly messages: EventSourceMessage[] = []
  readonly comments: string[] = []
  readonly #frames: AsyncGenerator<string | Buffer, void, void>
  readonly #parser = createParser({
    onEvent: (message) => this.messages.push(message),
    onComment: (comment) => this.comments.push(comment),
  })
  readonly gone = new AbortController()
  readonly closing = new AbortController()

  constructor(source: Followable, options: Partial<FollowOptions> = {}) {
    this.#frames = eventStream(source, {
      after: 0,
      resync: null,
      untilIdle: false,
      filter: everyType,
      recent: new RecentFrames(),
      keepAliveMs: 60_000,
      signal: this.gone.signal,
      closing: this.closing.signal,
      ...options,
    })
  }

  /** Reads until it holds; false when the stream ended before. */
  async until(holds: () => boolean): Promise<boolean> {
    while (!holds()) {
      const { done, value } = await this.#frames.next()
      if (done === true) return false
      this.#parser.feed(value.toString())
    }
    return true
  }

  async end(): Promise<void> {
    await this.until(() => false)
  }

  get seqs(): readonly number[] {
    return this.messages.filter(({ event }) => event === undefined).map(({ id }) => Number(id))
  }

  get controls(): readonly string[] {
    return this.messages.flatMap(({ event }) => event ?? [])
  }
}

const own = (sees = (_sessionId: string) => true) => toOwnLog(log, sees)
const upTo = (last: number, first = 1) => Array.from({ length: last - first + 1 }, (_unused, index) => first + index)

describe('one session', () => {
  test('ready, every event in order with its bytes, caught_up, then what comes', async () => {
    await appendEvents(log, 'a', 2_500)
    const reader = new Reader(followSession(own(), 'a'))
    await reader.until(() => reader.controls.includes('caught_up'))
    expect(reader.controls).toEqual(['ready', 'caught_up'])
    expect(reader.messages[0]).toMatchObject({
      event: 'ready',
      data: JSON.stringify({ session_id: 'a', first_seq: 1, last_seq: 2_500, log_id: log.logId }),
    })
    expect(reader.seqs).toEqual(upTo(2_500))
    expect(reader.messages[1]).toEqual({ id: '1', event: undefined, data: log.read('a', 0, 1)[0]?.json })
    const next = reader.until(() => reader.seqs.length === 2_501)
    await appendEvents(log, 'a', 1)
    expect(await next).toBe(true)
    expect(reader.seqs.at(-1)).toBe(2_501)
    reader.gone.abort()
    await reader.end()
  })

  test('any cut at any event resumes to exactly the log', async () => {
    await appendEvents(log, 'cut', 40)
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(15), { maxLength: 6 }), async (stretches) => {
        const seen: number[] = []
        for (const stretch of [...stretches, 40]) {
          const reader = new Reader(followSession(own(), 'cut'), { after: seen.at(-1) ?? 0 })
          await reader.until(() => reader.controls.includes('caught_up'))
          seen.push(...reader.seqs.slice(0, stretch))
          reader.gone.abort()
          await reader.end()
        }
        expect(seen).toEqual(upTo(40))
      }),
      { numRuns: 20 },
    )
  })

  test('a filter leaves out what it does not name', async () => {
    await appendEvents(log, 'f', 9, ['tool.call.requested', 'task.started', 'model.output.delta'])
    const reader = new Reader(followSession(own(), 'f'), { filter: toEventFilter('tool.*,task.started') })
    await reader.until(() => reader.controls.includes('caught_up'))
    expect(reader.seqs).toEqual([1, 2, 4, 5, 7, 8])
    reader.gone.abort()
    await reader.end()
  })

  test('a cursor that cannot be gone on from: resync, then only what comes', async () => {
    await appendEvents(log, 'r', 3)
    const reader = new Reader(followSession(own(), 'r'), { after: 99, resync: 'cursor_ahead' })
    await reader.until(() => reader.controls.includes('caught_up'))
    expect(reader.controls).toEqual(['ready', 'resync', 'caught_up'])
    expect(JSON.parse(reader.messages[1]?.data ?? '')).toEqual({
      session_id: 'r',
      first_seq: 1,
      last_seq: 3,
      log_id: log.logId,
      reason: 'cursor_ahead',
    })
    const next = reader.until(() => reader.seqs.length > 0)
    await appendEvents(log, 'r', 1)
    await next
    expect(reader.seqs).toEqual([4])
    reader.gone.abort()
    await reader.end()
  })

  test('until idle: ends after the terminal event of the last open task', async () => {
    await appendEvents(log, 'i', 1)
    await setTask(log, 'i', 't1', 'running')
    const reader = new Reader(followSession(own(), 'i'), { untilIdle: true })
    await reader.until(() => reader.controls.includes('caught_up'))
    const end = reader.end()
    await setTask(log, 'i', 't1', 'completed')
    await end
    expect(reader.seqs).toEqual([1, 2, 3])
    expect(reader.comments).toEqual(['idle'])
  })

  test('a quiet stream is kept alive', async () => {
    await appendEvents(log, 'q', 1)
    const reader = new Reader(followSession(own(), 'q'), { keepAliveMs: 1 })
    await reader.until(() => reader.comments.length === 3)
    expect(reader.comments).toEqual(['keep-alive', 'keep-alive', 'keep-alive'])
    reader.gone.abort()
    await reader.end()
  })

  test('a closing daemon: what is committed, then a last comment', async () => {
    await appendEvents(log, 'c', 2)
    const reader = new Reader(followSession(own(), 'c'))
    await reader.until(() => reader.controls.includes('caught_up'))
    await appendEvents(log, 'c', 1)
    reader.closing.abort()
    await reader.end()
    expect(reader.seqs).toEqual([1, 2, 3])
    expect(reader.comments).toEqual(['closing'])
  })

  test('a client that is gone ends the stream without another frame', async () => {
    await appendEvents(log, 'g', 1)
    const reader = new Reader(followSession(own(), 'g'))
    await reader.until(() => reader.controls.includes('caught_up'))
    const count = reader.messages.length
    const end = reader.end()
    reader.gone.abort()
    await end
    expect(reader.messages).toHaveLength(count)
  })
})

describe('all sessions', () => {
  test('every event of every session, once, in the order of the commits, each with a cursor that names the log', async () => {
    await Promise.all(['x', 'y', 'z'].map((id) => appendEvents(log, id, 5)))
    const reader = new Reader(followAll(own()))
    await reader.until(() => reader.controls.includes('caught_up'))
    const ids = reader.messages.filter(({ event }) => event === undefined).map(({ id }) => fromCursor(id ?? ''))
    expect(ids.map((id) => id?.cursor)).toEqual(upTo(log.lastCursor()))
    expect(new Set(ids.map((id) => id?.logId))).toEqual(new Set([log.logId]))
    reader.gone.abort()
    await reader.end()
  })

  test('events of others are passed over, and what comes after them is not missed', async () => {
    const reader = new Reader(followAll(own((id) => id === 'mine')), { after: log.lastCursor() })
    await appendEvents(log, 'mine', 1)
    await appendEvents(log, 'theirs', 2_100)
    await appendEvents(log, 'mine', 1)
    await reader.until(() => reader.controls.includes('caught_up'))
    await appendEvents(log, 'theirs', 3)
    await appendEvents(log, 'mine', 1)
    await reader.until(() => reader.messages.filter(({ event }) => event === undefined).length === 3)
    expect(reader.messages.flatMap(({ event, data }) => (event === undefined ? [JSON.parse(data).seq] : []))).toEqual([1, 2, 3])
    reader.gone.abort()
    await reader.end()
  })

  test('a cursor is read back as it was made; anything else is none', () => {
    expect(fromCursor(toCursor(own(), 42))).toEqual({ logId: log.logId, cursor: 42 })
    for (const text of ['', '5', '.5', 'a.', 'a.-1', 'a.1.5e3', 'a.99999999999999999']) expect(fromCursor(text)).toBeNull()
  })

  test('whatever a client sends as a cursor is one of this form, or none', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.tuple(fc.string(), fc.double()).map(([id, at]) => `${id}.${at}`),
    )
    fc.assert(
      fc.property(text, (cursor) => {
        const read = fromCursor(cursor)
        if (read === null) return
        expect(Number.isSafeInteger(read.cursor) && read.cursor >= 0).toBe(true)
        expect(cursor).toMatch(new RegExp(`^${RegExp.escape(read.logId)}\\.0*${read.cursor}$`, 's'))
      }),
    )
  })
})

describe('types=', () => {
  test.each([
    [undefined, 'a.b', true],
    ['', 'a.b', true],
    ['*', 'a.b', true],
    ['a.b', 'a.b', true],
    ['a.b', 'a.bc', false],
    ['a.*', 'a.b.c', true],
    ['a.*', 'ab.c', false],
    ['x, a.b', 'a.b', true],
  ])('%s lets %s pass: %s', (types, type, passes) => {
    expect(toEventFilter(types)(type)).toBe(passes)
  })

  test.each(['a b', 'A', 'a*', '*.a', ',', Array.from({ length: 65 }, () => 'a').join()])('%.20s is no filter', (types) => {
    expect(() => toEventFilter(types)).toThrow(expect.objectContaining({ code: 'invalid_request' }))
  })
})
