import { expect, test } from 'vitest'
import type { SessionSnapshot } from '../core/ports.ts'
import { sampleRecord } from '../core/testing/record.ts'
import { startChild } from './testing/child.ts'
import { openSample, sampleAppend, sampleEvent, sampleTask, temporaryDirectory } from './testing/samples.ts'

const { signal } = new AbortController()
const snapshot: SessionSnapshot = { seq: 4, runtimeSessionId: null, transcript: ['hash'] }
const seqs = (events: readonly { readonly sessionId: string; readonly seq: number }[]) =>
  events.map(({ sessionId, seq }) => `${sessionId}${seq}`)

test('a copy is nowhere before it is published, and then everywhere; to those who follow all only what was published is new', async () => {
  using directory = temporaryDirectory()
  {
    using storage = openSample(directory.path)
    const { log } = storage
    await log.append(sampleAppend('a', 1, 4))
    {
      using copy = log.copy(sampleRecord('b'))
      copy.add([sampleEvent('b', 2), sampleEvent('b', 3)])
      copy.add([sampleEvent('b', 4)])
      copy.addTasks([sampleTask('b', 't', 'completed')])
      expect([log.session('b'), log.lastSeq('b'), log.read('b', 0, 10), log.task('b', 't'), log.discarded()]).toEqual([
        null,
        0,
        [],
        null,
        [],
      ])
      expect(seqs(log.readAll(0, 10))).toEqual(['a1', 'a2', 'a3', 'a4'])
      await log.append(sampleAppend('c', 1))
      const seen: number[] = []
      using _watch = log.watchAll(() => seen.push(log.lastCursor()))
      copy.publish([sampleEvent('b', 1), sampleEvent('b', 5)], snapshot)
      expect(seen).toEqual([7])
    }
    expect(seqs(log.readAll(5, 10))).toEqual(['b1', 'b5'])
    await log.append(sampleAppend('b', 6))
    await log.append(sampleAppend('a', 5))
    expect([log.lastCursor(), log.stats()]).toMatchObject([9, { sessions: 3, events: 12 }])
  }
  using storage = openSample(directory.path)
  const { log } = storage
  expect(log.gap).toBeNull()
  expect(seqs(log.read('b', 0, 10))).toEqual(['b1', 'b2', 'b3', 'b4', 'b5', 'b6'])
  expect(seqs(log.readAll(0, 20))).toEqual(['a1', 'a2', 'a3', 'a4', 'c1', 'b1', 'b5', 'b6', 'a5'])
  expect([log.session('b')?.snapshot, log.task('b', 't')?.task.task_id, log.discarded()]).toEqual([snapshot, 't', []])
  expect(
    log
      .sessions({ scope: 'all' }, null, 10)
      ?.map(({ sessionId }) => sessionId)
      .toSorted(),
  ).toEqual(['a', 'b', 'c'])
  log.discard('b')
  await storage.erase('b', signal)
  expect(log.stats()).toMatchObject({ sessions: 2, events: 6 })
})

test('a copy that is given up is erased like what was deleted', async () => {
  using directory = temporaryDirectory()
  using storage = openSample(directory.path)
  const { log } = storage
  await log.append(sampleAppend('a', 1, 4))
  {
    using copy = log.copy(sampleRecord('b'))
    copy.add([sampleEvent('b', 2)])
    storage.artifacts.put('b', 'of b', { contentType: 'text/plain' })
  }
  expect(log.discarded().map(({ sessionId }) => sessionId)).toEqual(['b'])
  await storage.erase('b', signal)
  expect([log.discarded(), log.session('b'), storage.artifacts.list('b')]).toEqual([[], null, []])
  expect(log.stats()).toMatchObject({ sessions: 1, events: 4 })
})

test('what both sessions have of artifacts is there until each is gone', async () => {
  using directory = temporaryDirectory()
  using storage = openSample(directory.path)
  const { log, artifacts } = storage
  for (const id of ['a', 'b']) await log.append(sampleAppend(id, 1))
  const [own, other] = ['a', 'b'].map((id) => artifacts.put(id, 'of both', { contentType: 'text/plain', name: id }).artifactId)
  const share = () => artifacts.share([own ?? '', other ?? '', 'none'], { from: 'a', to: 'b' }, (id) => `${id}-b`)
  expect([...share()]).toEqual([[own, `${own}-b`]])
  expect([...share()]).toEqual([[own, `${own}-b`]])
  expect(artifacts.meta(`${own}-b`)).toMatchObject({ sessionId: 'b', name: 'a' })
  log.discard('a')
  await storage.erase('a', signal)
  expect(artifacts.meta(own ?? '')).toBeNull()
  expect(Buffer.from(await artifacts.content(`${own}-b`)).toString()).toBe('of both')
})

test.each(['begun', 'half', 'published'])(
  'of a copy that is killed at "%s" there is all or nothing',
  { timeout: 60_000 },
  async (point) => {
    const events = 600
    using directory = temporaryDirectory()
    {
      await using forker = startChild('forker.ts', [directory.path, String(events)])
      for await (const line of forker.lines) if (line === point) forker.process.kill('SIGKILL')
      await forker.closed
    }
    using storage = openSample(directory.path)
    const { log } = storage
    const whole = log.session('fork') !== null
    if (point !== 'half') expect(whole).toBe(point === 'published')
    expect(log.read('fork', 0, 5000)).toHaveLength(whole ? events + 1 : 0)
    expect(log.discarded().map(({ sessionId }) => sessionId)).toEqual(whole ? [] : ['fork'])
    for (const { sessionId } of log.discarded()) await storage.erase(sessionId, signal)
    expect([log.gap, log.read('original', 0, 5000).length]).toEqual([null, events])
    expect(log.stats()).toMatchObject(whole ? { sessions: 2, events: 2 * events + 1 } : { sessions: 1, events })
  },
)
