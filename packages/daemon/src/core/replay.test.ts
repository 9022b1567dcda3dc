import { expect, test } from 'vitest'
import type { Event } from '@codesdkd/protocol'
import type { RecordedEvent } from './recording.ts'
import { Replay, type Pace } from './replay.ts'
import { sampleRecord } from './testing/record.ts'

/** Seconds at which events happened; the clock of the test moves only when it is waited for. */
function play(seconds: readonly number[], pace: Pace) {
  const events = seconds.map((second, index): RecordedEvent => {
    const envelope = { schema_version: 1, seq: index + 1, time: new Date(second * 1_000).toISOString() } as const
    const payload = { level: 'info', kind: 'k', message: 'm' } as const
    const event: Event = { ...envelope, type: 'runtime.notice', trace: { session_id: 's' }, runtime: { name: 'r' }, payload }
    return { event, json: JSON.stringify(event) }
  })
  let now = 0
  const told: (readonly [seq: number, at: number])[] = []
  const commits: number[] = []
  const waits: (() => void)[] = []
  const failures: unknown[] = []
  const replay = new Replay({
    recording: { record: sampleRecord('s'), events },
    pace,
    clock: { monotonic: () => now },
    feed: {
      async append(recorded) {
        commits.push(recorded.length)
        for (const { event } of recorded) told.push([event.seq, now])
      },
      [Symbol.dispose]: () => undefined,
    },
    wait: (time, signal) =>
      new Promise<void>((resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true })
        waits.push(() => {
          now += time
          resolve()
        })
      }),
    report: (error) => failures.push(error),
  })
  /** Lets everything happen that can without time, then time pass up to what is waited for. */
  const pass = async (times: number) => {
    for (let count = 0; count < times; count += 1) {
      await settle()
      waits.pop()?.()
    }
    await settle()
  }
  return { replay, told, commits, pass, failures }
}

const settle = () => new Promise((resolve) => setImmediate(resolve))

test.each([
  [1, [1_000, 1_000, 4_000]],
  [10, [100, 100, 400]],
  [0.5, [2_000, 2_000, 8_000]],
])('at speed %d the times between the events are kept', async (speed, times) => {
  const { replay, told, pass } = play([0, 1, 1, 4], { playing: true, speed })
  await replay.start()
  await pass(2)
  expect(told).toEqual(times.map((time, index) => [index + 2, time]))
  expect(replay.progress).toMatchObject({ state: 'ended', speed })
})

test('a clock that went back is not waited for', async () => {
  const { replay, told, pass } = play([0, 10, 5, 6], { playing: true, speed: 1 })
  await replay.start()
  await pass(2)
  expect(told).toEqual([
    [2, 10_000],
    [3, 10_000],
    [4, 11_000],
  ])
})

test('whoever goes ahead moves the time on', async () => {
  const { replay, told, pass } = play([0, 1_000, 2_000, 2_003], { playing: true, speed: 1 })
  await replay.start()
  await settle()
  await replay.step()
  await replay.step()
  expect(told).toEqual([
    [2, 0],
    [3, 0],
  ])
  // Nobody waits any more for what was far away.
  await pass(1)
  expect(told.at(-1)).toEqual([4, 3_000])
})

test('without time to keep all of it is there when it has begun, in commits of some hundred', async () => {
  const { replay, told, commits } = play(
    Array.from({ length: 1_201 }, (_, index) => index * 60),
    { playing: true, speed: Infinity },
  )
  await replay.start()
  expect(told).toHaveLength(1_200)
  expect(commits).toEqual([500, 500, 200])
  expect(replay.progress).toMatchObject({ state: 'ended', speed: null, seq: 1_201 })
})

test('held, it goes no further, and goes on where it was', async () => {
  const { replay, told, pass, failures } = play([0, 1, 2], { playing: true, speed: 1 })
  await replay.start()
  await pass(1)
  expect(await replay.change({ state: 'stepping' })).toMatchObject({ state: 'stepping', seq: 2 })
  await pass(3)
  expect(told).toHaveLength(1)
  expect(await replay.change({ state: 'playing', speed: null })).toMatchObject({ state: 'ended', seq: 3 })
  expect(await replay.step(5)).toMatchObject({ state: 'ended', seq: 3 })
  expect(failures).toEqual([])
})

test('disposed, nothing more happens', async () => {
  const { replay, told, failures } = play([0, 1], { playing: true, speed: 1 })
  await replay.start()
  await settle()
  await replay[Symbol.asyncDispose]()
  expect([told, failures]).toEqual([[], []])
})
