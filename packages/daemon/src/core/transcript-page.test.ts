import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { emptyTranscript, evolveTranscript, type Event, type TranscriptPage } from '@codesdkd/protocol'
import { anyTasks, toLog, type Line } from '../../../protocol/src/testing/conversation.ts'
import { openSample, temporaryDirectory } from '../storage/testing/samples.ts'
import type { EventLog } from './ports.ts'
import { sampleRecord } from './testing/record.ts'
import { readTranscript, type TranscriptRequest } from './transcript-page.ts'

const patient = new AbortController().signal

async function store(log: EventLog, events: readonly Event[], sessionId = 's'): Promise<void> {
  const pending = events.map((event) => ({ sessionId, seq: event.seq, type: event.type, json: JSON.stringify(event) }))
  await log.append({ sessionId, events: pending, durability: 'lazy', session: sampleRecord(sessionId) })
}

function read(log: Pick<EventLog, 'read' | 'lastSeq'>, request: Partial<TranscriptRequest> = {}): Promise<TranscriptPage> {
  return readTranscript(log, {
    sessionId: 's',
    lastSeq: log.lastSeq('s'),
    after: null,
    limit: 500,
    task: null,
    signal: patient,
    ...request,
  })
}

/** Every page, one after the other; ends, because every page has a message. */
async function readAll(log: EventLog, request: Partial<TranscriptRequest>): Promise<readonly TranscriptPage[]> {
  const pages = [await read(log, request)]
  for (let after = pages[0]?.next_after ?? null; after !== null;) {
    const page = await read(log, { ...request, after })
    expect(page.messages).not.toEqual([])
    pages.push(page)
    after = page.next_after
  }
  return pages
}

const fold = (events: readonly Event[]) => events.reduce(evolveTranscript, emptyTranscript('s'))
const said = (task: string, content: string): Line => ({ type: 'task.started', task, payload: { messages: [{ role: 'user', content }] } })
const ended = (task: string): Line => ({ type: 'task.completed', task, payload: { reason: 'end_turn' } })
const wrote = (task: string, text: string): Line => ({
  type: 'model.output.completed',
  task,
  payload: { content: [{ type: 'text', text }] },
})
const callOf = (tool_call_id: string) => ({ tool_call_id, attempt: 1, input_hash: 'h' })
const asked = (task: string, id: string): Line => ({
  type: 'tool.call.requested',
  task,
  payload: { ...callOf(id), name: 'shell', kind: 'execute', title: id, input: {} },
})
const ran = (task: string, id: string): Line => ({
  type: 'tool.call.completed',
  task,
  payload: { ...callOf(id), name: 'shell', executed_by: 'runtime', execution_env: 'sandbox', result_preview: id, is_error: false },
})
const delta = (task: string, text: string): Line => ({
  type: 'model.output.delta',
  task,
  payload: { kind: 'text_delta', block_id: 'b', delta: text },
})

describe('a transcript in pages', () => {
  test('is the fold of the whole log, whatever the size of a page', async () => {
    await fc.assert(
      fc.asyncProperty(anyTasks, fc.integer({ min: 1, max: 9 }), fc.boolean(), async (tasks, limit, open) => {
        using directory = temporaryDirectory()
        using storage = openSample(directory.path)
        const events = toLog(tasks.flat().slice(0, open ? -1 : undefined))
        await store(storage.log, events)
        const pages = await readAll(storage.log, { limit })
        const whole = fold(events)
        expect(pages.flatMap(({ messages }) => messages)).toEqual(whole.messages)
        for (const page of pages) {
          expect(page.messages.length).toBeLessThanOrEqual(limit)
          expect(page.last_seq).toBe(whole.last_seq)
          for (const task of page.tasks) expect(whole.tasks).toContainEqual(task)
          for (const { task_id } of page.messages) expect(page.tasks.map((task) => task.task_id)).toContain(task_id)
        }
      }),
      { numRuns: 40 },
    )
  })

  test('of one task is that part of it', async () => {
    await fc.assert(
      fc.asyncProperty(anyTasks, fc.integer({ min: 1, max: 9 }), async (tasks, limit) => {
        using directory = temporaryDirectory()
        using storage = openSample(directory.path)
        const events = toLog(tasks.flat())
        await store(storage.log, events)
        const seqs = events.filter(({ trace }) => trace.task_id === 't0').map(({ seq }) => seq)
        const task = { taskId: 't0', first: Math.min(...seqs), last: Math.max(...seqs) }
        const pages = await readAll(storage.log, { limit, task })
        expect(pages.flatMap(({ messages }) => messages)).toEqual(fold(events).messages.filter(({ task_id }) => task_id === 't0'))
      }),
      { numRuns: 20 },
    )
  })

  test('keeps a long task together, where results come late', async () => {
    using directory = temporaryDirectory()
    using storage = openSample(directory.path)
    const rounds = Array.from({ length: 30 }, (_, at) => [
      wrote('a', `${at}`),
      asked('a', `c${at}`),
      asked('a', `d${at}`),
      ...(at % 3 === 0 ? [ran('a', `d${at - 1}`)] : []),
      ran('a', `c${at}`),
      ...(at % 3 === 2 ? [] : [ran('a', `d${at}`)]),
    ])
    const events = toLog([said('a', 'one'), ...rounds.flat(), ended('a')])
    await store(storage.log, events)
    const whole = fold(events)
    expect(whole.messages).toHaveLength(61)
    for (const limit of [1, 2, 3, 10]) {
      const pages = await readAll(storage.log, { limit })
      expect(pages.flatMap(({ messages }) => messages)).toEqual(whole.messages)
    }
  })

  test('can be gone on with from its last page, also from one without messages', async () => {
    using directory = temporaryDirectory()
    using storage = openSample(directory.path)
    const events = toLog([said('a', 'one'), wrote('a', 'two'), ended('a'), said('b', 'three'), delta('b', 'fo')])
    await store(storage.log, events)
    const more = toLog([delta('b', 'ur'), ended('b')], 6)
    const whole = fold([...events, ...more])
    const first = await read(storage.log)
    expect(more.reduce(evolveTranscript, first)).toMatchObject(whole)
    const rest = await read(storage.log, { after: first.messages.at(-1)?.message_id ?? null })
    expect(rest).toMatchObject({ messages: [], next_after: null })
    expect(more.reduce(evolveTranscript, rest).tasks).toEqual(whole.tasks.slice(1))
  })

  test('goes on behind a message that was discarded since', async () => {
    using directory = temporaryDirectory()
    using storage = openSample(directory.path)
    await store(
      storage.log,
      toLog([
        said('a', 'one'),
        delta('a', 'x'),
        { type: 'model.output.discarded', task: 'a', payload: { block_id: 'b' } },
        wrote('a', 'two'),
      ]),
    )
    const { messages } = await read(storage.log, { after: '1-2-0' })
    expect(messages).toMatchObject([{ message_id: '1-4-0', content: [{ text: 'two' }] }])
  })

  test('holds about 1 MB, and a larger message alone', async () => {
    using directory = temporaryDirectory()
    using storage = openSample(directory.path)
    const long = (length: number) => 'x'.repeat(length)
    const sizes = [400_000, 400_000, 400_000, 2_000_000, 10]
    const events = toLog(sizes.flatMap((size, index) => [said(`t${index}`, long(size)), ended(`t${index}`)]))
    await store(storage.log, events)
    const pages = await readAll(storage.log, {})
    expect(pages.map(({ messages }) => messages.length)).toEqual([2, 1, 1, 1])
  })

  test.each(['', 'nope', '1', '2-2-0', '1-1-0x', '1-9-0', '9-9-0', '3-1-0', `1-1-${'9'.repeat(30)}`])(
    'has no message %j to begin after',
    async (after) => {
      using directory = temporaryDirectory()
      using storage = openSample(directory.path)
      await store(storage.log, toLog([said('a', 'one'), wrote('a', 'two'), ended('a')]))
      await expect(read(storage.log, { after })).rejects.toMatchObject({ code: 'invalid_cursor' })
    },
  )
})

describe('a long log', () => {
  const count = 20_000

  async function openLong(path: string) {
    const storage = openSample(path)
    const lines = [said('a', 'one'), ...Array.from({ length: count }, () => delta('a', 'x')), ended('a'), said('b', 'two'), ended('b')]
    await store(storage.log, toLog(lines))
    return storage
  }

  test('is read in slices, between which others have their turn', async () => {
    using directory = temporaryDirectory()
    using storage = await openLong(directory.path)
    let turns = 0
    const take = () => {
      turns += 1
      next = setImmediate(take)
    }
    let next = setImmediate(take)
    const { messages } = await read(storage.log)
    clearImmediate(next)
    expect(messages).toMatchObject([{}, { content: [{ text: 'x'.repeat(count) }] }, {}])
    expect(turns).toBeGreaterThan(50)
  })

  test('is read no further than what was asked for', async () => {
    using directory = temporaryDirectory()
    using storage = await openLong(directory.path)
    const seen: number[] = []
    const log = {
      lastSeq: () => storage.log.lastSeq('s'),
      read(sessionId: string, after: number, limit: number) {
        seen.push(after)
        return storage.log.read(sessionId, after, limit)
      },
    }
    const { messages } = await read(log, { task: { taskId: 'b', first: count + 3, last: count + 4 } })
    expect(messages).toHaveLength(1)
    expect(seen).toEqual([count + 2])
  })

  test('is not read on once nobody waits for it', async () => {
    using directory = temporaryDirectory()
    using storage = await openLong(directory.path)
    let reads = 0
    const gone = new AbortController()
    const log = {
      lastSeq: () => storage.log.lastSeq('s'),
      read(...of: Parameters<EventLog['read']>) {
        reads += 1
        if (reads === 2) gone.abort()
        return storage.log.read(...of)
      },
    }
    await expect(read(log, { signal: gone.signal })).rejects.toMatchObject({ name: 'AbortError' })
    expect(reads).toBe(2)
  })
})
