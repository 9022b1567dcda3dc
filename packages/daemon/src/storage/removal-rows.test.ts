import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Storage } from './storage.ts'
import { startChild } from './testing/child.ts'
import { openSample, sampleAppend, sampleEvent, sampleTask, temporaryDirectory } from './testing/samples.ts'

const { signal } = new AbortController()
const text = { contentType: 'text/plain' }

function files(path: string): readonly string[] {
  return readdirSync(join(path, 'artifacts'), { recursive: true, withFileTypes: true }).flatMap((entry) =>
    entry.isFile() ? [entry.name] : [],
  )
}

/** Every way to find a session. */
function look({ log, artifacts }: Storage, id: string, task: string) {
  return {
    session: log.session(id)?.record.sessionId ?? null,
    listed: log.sessions({ scope: 'all' }, null, 100)?.some(({ sessionId }) => sessionId === id),
    cursor: log.sessions({ scope: 'all' }, id, 100) !== null,
    lastSeq: log.lastSeq(id),
    read: log.read(id, 0, 100).length,
    readAll: log.readAll(0, 100).filter(({ sessionId }) => sessionId === id).length,
    task: log.task(id, task)?.task.task_id ?? null,
    tasks: log.tasks(id, null, 100)?.length,
    open: log.sessionsWithOpenTasks().includes(id),
    age: log.ages(0, 100).some(({ sessionId }) => sessionId === id),
    artifacts: artifacts.list(id).length,
  }
}

const nowhere = {
  session: null,
  listed: false,
  cursor: false,
  lastSeq: 0,
  read: 0,
  readAll: 0,
  task: null,
  tasks: 0,
  open: false,
  age: false,
  artifacts: 0,
}
const somewhere = {
  ...nowhere,
  session: 'b',
  listed: true,
  cursor: true,
  lastSeq: 5,
  read: 5,
  readAll: 5,
  task: 't',
  tasks: 1,
  age: true,
  artifacts: 1,
}

test('a session that is discarded is in no answer, at once and after a restart; another is as it was', async () => {
  using directory = temporaryDirectory()
  let artifactId: string
  {
    using storage = openSample(directory.path)
    for (const id of ['a', 'b', 'c']) await storage.log.append(sampleAppend(id, 1, 5, { tasks: [sampleTask(id, 't', 'completed')] }))
    for (const id of ['a', 'b', 'c']) ({ artifactId } = storage.artifacts.put(id, `of ${id}`, text))
    artifactId = storage.artifacts.list('a')[0]?.artifactId ?? ''
    storage.log.discard('a')
    expect(look(storage, 'a', 't')).toEqual(nowhere)
    expect(look(storage, 'b', 't')).toEqual(somewhere)
    expect(storage.artifacts.meta(artifactId)).toBeNull()
    await expect(storage.log.append(sampleAppend('a', 6))).rejects.toThrow('not known')
  }
  using storage = openSample(directory.path)
  expect(look(storage, 'a', 't')).toEqual(nowhere)
  expect(storage.log.discarded().map(({ sessionId }) => sessionId)).toEqual(['a'])
  await storage.erase('a', signal)
  expect(storage.log.discarded()).toEqual([])
  expect(look(storage, 'b', 't')).toEqual(somewhere)
  expect(storage.log.stats()).toMatchObject({ sessions: 2, events: 10 })
})

test('who watches a session is told when it is discarded', async () => {
  using directory = temporaryDirectory()
  using storage = openSample(directory.path)
  await storage.log.append(sampleAppend('a', 1, 3))
  const seen: number[] = []
  using _watch = storage.log.watch('a', () => seen.push(storage.log.lastSeq('a')))
  storage.log.discard('a')
  expect(seen).toEqual([0])
})

test('no cursor and no place in the order is given twice, whatever was erased before the restart', async () => {
  using directory = temporaryDirectory()
  let logId: string
  {
    using storage = openSample(directory.path)
    logId = storage.log.logId
    for (const id of ['a', 'b']) await storage.log.append(sampleAppend(id, 1, 5, { durability: 'synced' }))
    for (const id of ['b', 'a']) {
      storage.log.discard(id)
      await storage.erase(id, signal)
    }
    expect(storage.log.lastCursor()).toBe(10)
  }
  using storage = openSample(directory.path)
  const { log } = storage
  expect([log.logId, log.gap, log.lastCursor(), log.readAll(0, 100)]).toEqual([logId, null, 10, []])
  expect(log.stats()).toMatchObject({ sessions: 0, events: 0 })
  await log.append(sampleAppend('c', 1, 2))
  expect(log.readAll(10, 100).map(({ cursor }) => cursor)).toEqual([11, 12])
  // Sessions of this run are told from earlier ones by their numbers.
  expect(log.sessions({ scope: 'daemon' }, null, 10)?.map(({ sessionId }) => sessionId)).toEqual(['c'])
})

test('a new session gets nothing of the deleted one that was the newest before it', async () => {
  using directory = temporaryDirectory()
  {
    using storage = openSample(directory.path)
    for (const id of ['a', 'b']) await storage.log.append(sampleAppend(id, 1, 5))
  }
  using storage = openSample(directory.path)
  const { log } = storage
  log.discard('b')
  await log.append(sampleAppend('c', 1, 2))
  expect(log.sessions({ scope: 'daemon' }, null, 10)?.map(({ sessionId }) => sessionId)).toEqual(['c'])
  expect(log.readAll(0, 100).map(({ sessionId, seq }) => `${sessionId}${seq}`)).toEqual(['a1', 'a2', 'a3', 'a4', 'a5', 'c1', 'c2'])
  await storage.erase('b', signal)
  expect([log.read('c', 0, 10).length, log.lastSeq('c'), log.stats().sessions]).toEqual([2, 2, 2])
})

test('nothing of an erased session is left on the disk; what others share stays', async () => {
  using directory = temporaryDirectory()
  {
    using storage = openSample(directory.path)
    const events = Array.from({ length: 600 }, (_unused, index) => sampleEvent('a', index + 1, `only-in-a-${'x'.repeat(200)}`))
    await storage.log.append({ ...sampleAppend('a', 1), events })
    await storage.log.append(sampleAppend('b', 1, 5))
    const [shared] = ['a', 'b', 'a'].map((id) => storage.artifacts.put(id, 'of both', text))
    for (let index = 0; index < 150; index++) storage.artifacts.put('a', `${index} only-in-a`, text)
    storage.log.discard('a')
    await storage.erase('a', signal)
    expect(files(directory.path)).toEqual([shared?.sha256])
    expect(Buffer.from(await storage.artifacts.content(storage.artifacts.list('b')[0]?.artifactId ?? '')).toString()).toBe('of both')
  }
  expect(readFileSync(join(directory.path, 'codesdkd.db')).includes('only-in-a')).toBe(false)
  expect(existsSync(join(directory.path, 'codesdkd.db-wal'))).toBe(false)
})

test('an erasure that was cut short can be gone on with', async () => {
  using directory = temporaryDirectory()
  using storage = openSample(directory.path)
  await storage.log.append(sampleAppend('a', 1, 600))
  storage.log.discard('a')
  const cut = new AbortController()
  cut.abort(new Error('the daemon ends'))
  await expect(storage.erase('a', cut.signal)).rejects.toThrow('the daemon ends')
  expect(storage.log.discarded()).toHaveLength(1)
  await storage.erase('a', signal)
  await storage.erase('a', signal)
  expect([storage.log.discarded(), storage.log.stats().events]).toEqual([[], 0])
})

test.each(['written', 'discarded', 'erased'])('kill -9 after %s leaves the whole session or none', { timeout: 60_000 }, async (point) => {
  const events = 3_000
  for (let round = 0; round < 2; round++) {
    using directory = temporaryDirectory()
    {
      await using eraser = startChild('eraser.ts', [directory.path, String(events)])
      for await (const line of eraser.lines) if (line === point) eraser.process.kill('SIGKILL')
      await eraser.closed
    }
    using storage = openSample(directory.path)
    const { log, artifacts } = storage
    const whole = log.session('gone') !== null
    if (point !== 'written') expect(whole).toBe(false)
    expect([log.lastSeq('gone'), artifacts.list('gone').length]).toEqual(whole ? [events, 71] : [0, 0])
    // Killed between the mark and the end of the erasure, what is left is known, and nothing else is.
    if (whole || point === 'erased') expect(log.discarded()).toEqual([])
    else expect(log.discarded().map(({ sessionId }) => sessionId)).toEqual(['gone'])
    for (const { sessionId } of log.discarded()) await storage.erase(sessionId, signal)
    expect([log.gap, log.lastCursor(), log.lastSeq('kept'), artifacts.list('kept').length]).toEqual([null, 2 * events, events, 71])
    for (const { artifactId } of artifacts.list('kept')) await artifacts.content(artifactId)
    expect(files(directory.path)).toHaveLength(whole ? 141 : 71)
    expect(log.stats()).toMatchObject(whole ? { sessions: 2, events: 2 * events } : { sessions: 1, events })
  }
})
