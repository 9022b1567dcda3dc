import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { until } from '../../lifecycle/testing/processes.ts'
import type { Fault, Round } from '../fault.ts'
import type { Launched } from '../launch.ts'
import { createPlace, createSession, play, startTask, type Place } from './place.ts'
import { descriptorsOf, memoryOf, percentile } from './process-figures.ts'
import { openRawReader } from './raw-reader.ts'
import { isEnd, type Witness } from './witness.ts'

async function openStreams({ client }: Launched): Promise<number> {
  const { text } = await client.get('/metrics')
  return Number(/^codesdk_sse_clients (\d+)/m.exec(text)?.[1])
}

async function fillHistory(daemon: Launched, place: Place, megabytes: number): Promise<Witness> {
  const witness = await createSession(daemon, place)
  await play(daemon, witness, { count: megabytes * 100, bytes: 10_000 })
  await witness.follow(daemon.client, isEnd)
  return witness
}

/** What each of so many readers costs who stop; megabytes. A warm daemon has grown to what it needs for others. */
async function measureStalled(daemon: Launched, path: string, count: number): Promise<number> {
  await until('those before are gone', async () => (await openStreams(daemon)) === 0, 30_000)
  const before = memoryOf(daemon.pid).now
  using readers = new DisposableStack()
  for (let index = 0; index < count; index++) readers.use(openRawReader(daemon.client.url, path, index % 2 === 0 ? 0 : 1024))
  await until('all are connected', async () => (await openStreams(daemon)) === count, 30_000)
  await delay(2_000)
  return Math.max(0, memoryOf(daemon.pid).now - before) / count
}

const slow: Fault = {
  id: 'F49',
  name: 'readers that stop or take 1 KB/s, of 100 MB of history (short: 10 MB), beside one that reads',
  rounds: { short: 1, long: 1 },
  async run({ long, figure }: Round) {
    await using place = await createPlace()
    await using daemon = await place.start()
    const witness = await fillHistory(daemon, place, long ? 100 : 10)
    const path = `/sessions/${witness.sessionId}/events?stream=1&after_seq=0`
    await measureStalled(daemon, path, 20)
    const each = await measureStalled(daemon, path, long ? 200 : 20)
    figure('MB for each that stops', each.toFixed(2))
    // Of a few in a short time the collector's own pace is seen more than anything else.
    if (long) assert.ok(each <= 1, `R5: ${each} MB for each`)
    await until('those before are gone', async () => (await openStreams(daemon)) === 0, 30_000)
    using stalled = openRawReader(daemon.client.url, path, 0)
    await until('it is connected', async () => (await openStreams(daemon)) === 1, 30_000)
    const taskId = await startTask(daemon.client, witness, { count: 50 })
    assert.ok(await witness.follow(daemon.client, isEnd), `task ${taskId} was not seen to its end by who reads`)
    if (long) {
      const begun = performance.now()
      await until('who stops is closed', async () => (await openStreams(daemon)) === 0, 62_000)
      figure('closed after s', Math.round((performance.now() - begun) / 1000))
      stalled.socket.resume()
      await stalled.closed
    }
    // Who was closed comes back with what it had and misses nothing.
    await witness.check(daemon.client)
  },
}

const crowd: Fault = {
  id: 'F50',
  name: '1,000 clients of one session of 100 events/s (short: 20), and connections that come and go',
  rounds: { short: 1, long: 1 },
  async run({ long, figure }: Round) {
    await using place = await createPlace()
    await using daemon = await place.start()
    const witness = await createSession(daemon, place)
    await play(daemon, witness, { count: 10 })
    const before = descriptorsOf(daemon.pid)
    const clients = long ? 1_000 : 20
    const counts = await follow(daemon, witness, clients, long ? 1_000 : 100, figure)
    assert.equal(new Set(counts).size, 1, `they saw different numbers of events: ${[...new Set(counts)].join(', ')}`)
    figure('peak MB', memoryOf(daemon.pid).peak)
    assert.ok(memoryOf(daemon.pid).peak < 400, `R5: ${memoryOf(daemon.pid).peak} MB`)
    const path = `/sessions/${witness.sessionId}/events?stream=1`
    const batches = long ? 600 : 4
    const begun = performance.now()
    for (let batch = 0; batch < batches; batch++) {
      using connections = new DisposableStack()
      const opened = Array.from({ length: 100 }, () => connections.use(openRawReader(daemon.client.url, path, 0)))
      await Promise.all(opened.filter(({ socket }) => socket.connecting).map(({ socket }) => once(socket, 'connect')))
    }
    figure('connections/s', Math.round((batches * 100_000) / (performance.now() - begun)))
    await until('the gauge is back', async () => (await openStreams(daemon)) === 0, 20_000)
    await until('the descriptors are back', () => descriptorsOf(daemon.pid) <= before + 4, 20_000)
    await witness.check(daemon.client)
  },
}

/** So many clients follow a task of so many pieces; what each has seen. */
async function follow(
  daemon: Launched,
  { sessionId }: Witness,
  clients: number,
  pieces: number,
  figure: Round['figure'],
): Promise<readonly number[]> {
  const late: number[] = []
  const over = new AbortController()
  let ready = 0
  const reading = Array.from({ length: clients }, async () => {
    let seen = 0
    for await (const { event, data } of daemon.client.frames(`/sessions/${sessionId}/events?after_seq=0`, { signal: over.signal })) {
      if (event === 'caught_up') ready += 1
      if (event !== undefined) continue
      seen += 1
      if (seen % 97 === 0) late.push(Date.now() - Date.parse((JSON.parse(data) as { time: string }).time))
      if (ready >= clients && isEnd((JSON.parse(data) as { type: string }).type)) break
    }
    return seen
  })
  await until('all have caught up', () => ready === clients, 60_000)
  late.length = 0
  await daemon.client.startTask(sessionId, JSON.stringify({ count: pieces, bytes: 100, pause: 10 }))
  const counts = await Promise.all(reading)
  over.abort()
  figure('delivery p99 ms', Math.round(percentile(late, 0.99)))
  return counts
}

const halfOpen: Fault = {
  id: 'F51',
  name: 'a client that is stopped by a signal while events are sent to it',
  rounds: { short: 1, long: 1 },
  async run({ long, figure }: Round) {
    await using place = await createPlace()
    await using daemon = await place.start()
    const witness = await createSession(daemon, place)
    const program = `
      const answer = await fetch(process.argv[1]); console.log('open')
      for await (const chunk of answer.body) if (chunk === null) break`
    const url = `${daemon.client.url}/sessions/${witness.sessionId}/events?stream=1`
    const client = spawn(process.execPath, ['--input-type=module', '--eval', program, url], { stdio: ['ignore', 'pipe', 'inherit'] })
    const gone = once(client, 'exit')
    try {
      await once(createInterface({ input: client.stdout }), 'line')
      client.kill('SIGSTOP')
      await play(daemon, witness, { count: long ? 2_500 : 1_000, bytes: 10_000 })
      assert.ok(await witness.follow(daemon.client, isEnd), 'who reads does not see the end')
      assert.equal(await openStreams(daemon), 1)
      if (long) {
        const begun = performance.now()
        await until('it is closed', async () => (await openStreams(daemon)) === 0, 62_000)
        figure('closed after s', Math.round((performance.now() - begun) / 1000))
      }
    } finally {
      client.kill('SIGKILL')
      await gone
    }
    await until('the gauge is back', async () => (await openStreams(daemon)) === 0, 30_000)
    await witness.check(daemon.client)
  },
}

export const readerFaults: readonly Fault[] = [slow, crowd, halfOpen]
