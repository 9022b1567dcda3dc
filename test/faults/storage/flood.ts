import assert from 'node:assert/strict'
import { Agent, get } from 'node:http'
import { statSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { Fault } from '../fault.ts'
import type { Launched } from '../launch.ts'
import { createPlace, createSession, play, startTask } from './place.ts'
import { memoryOf, percentile } from './process-figures.ts'
import { isEnd } from './witness.ts'

/** Asks `/health` again and again until it is stopped; milliseconds of each answer. */
export async function probe({ client }: Launched, signal: AbortSignal, everyMs = 20): Promise<readonly number[]> {
  const agent = new Agent({ keepAlive: true })
  const times: number[] = []
  while (!signal.aborted) {
    const begun = performance.now()
    await new Promise<void>((resolve, reject) =>
      get(`${client.url}/health?runtime=scripted`, { agent }, (answer) => answer.resume().on('end', resolve)).on('error', reject),
    )
    times.push(performance.now() - begun)
    await delay(everyMs)
  }
  agent.destroy()
  return times
}

async function flood(
  daemon: Launched,
  place: Awaited<ReturnType<typeof createPlace>>,
  count: number,
  figure: (name: string, value: string | number) => void,
) {
  const idle = memoryOf(daemon.pid).now
  const witness = await createSession(daemon, place)
  const over = new AbortController()
  const probing = probe(daemon, over.signal)
  const following = witness.follow(daemon.client, isEnd)
  const begun = performance.now()
  await startTask(daemon.client, witness, { count, bytes: 200 })
  assert.ok(await following, 'the stream ended before the task did')
  const seconds = (performance.now() - begun) / 1000
  over.abort()
  const times = await probing
  figure('events/s', Math.round(count / seconds))
  figure('health p99 ms', Math.round(percentile(times, 0.99)))
  figure('health max ms', Math.round(Math.max(...times)))
  figure('idle MB', idle)
  figure('peak MB', memoryOf(daemon.pid).peak)
  figure('wal MB', Math.round((statSync(`${place.dataDir}/codesdkd.db-wal`, { throwIfNoEntry: false })?.size ?? 0) / 1024 ** 2))
  assert.ok(witness.seen.length > count, 'events are missing')
  return { witness, p99: percentile(times, 0.99) }
}

export const eventFlood: Fault = {
  id: 'F20',
  name: 'an agent that says 1,000,000 pieces of 200 bytes as fast as it can (short: 20,000), a client that follows',
  rounds: { short: 1, long: 1 },
  async run({ long, figure }) {
    await using place = await createPlace()
    await using daemon = await place.start()
    const { witness, p99 } = await flood(daemon, place, long ? 1_000_000 : 20_000, figure)
    assert.ok(memoryOf(daemon.pid).peak < 300, `R5: ${memoryOf(daemon.pid).peak} MB`)
    if (long) assert.ok(p99 < 100, `R6: ${p99} ms`)
    else await witness.check(daemon.client)
  },
}

export const smallHeap: Fault = {
  id: 'F43',
  name: 'the same flood with a heap of 128 MB (short: 64 MB and 20,000)',
  rounds: { short: 1, long: 1 },
  async run({ long, figure }) {
    await using place = await createPlace()
    await using daemon = await place.start({ node: [`--max-old-space-size=${long ? 128 : 64}`] })
    const { witness } = await flood(daemon, place, long ? 1_000_000 : 20_000, figure)
    if (!long) await witness.check(daemon.client)
  },
}

export const longLine: Fault = {
  id: 'F21',
  name: 'one line of 100 MB',
  rounds: { short: 1, long: 3 },
  async run({ figure }) {
    await using place = await createPlace()
    await using daemon = await place.start()
    const witness = await createSession(daemon, place)
    const begun = performance.now()
    await play(daemon, witness, { line: 100_000_000, count: 3 })
    figure('seconds', ((performance.now() - begun) / 1000).toFixed(1))
    figure('peak MB', memoryOf(daemon.pid).peak)
    assert.ok(memoryOf(daemon.pid).peak < 300, `R5: ${memoryOf(daemon.pid).peak} MB`)
    await witness.follow(daemon.client, isEnd)
    await witness.check(daemon.client)
    assert.ok(
      witness.seen.some((text) => text.includes('agent.output.invalid')),
      'nothing tells of the line',
    )
    assert.ok(witness.seen.at(-1)?.includes('task.completed'), witness.seen.at(-1))
  },
}

export const floodFaults: readonly Fault[] = [eventFlood, smallHeap, longLine]
