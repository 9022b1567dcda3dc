import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { Seats, type Seat } from './seats.ts'

const never = new AbortController().signal
const soon = () => new Promise<void>((resolve) => setImmediate(resolve))

test('no more agents start at once than allowed, in the order in which they came', async () => {
  const seats = new Seats({ live: 10, starting: 2 })
  const came: number[] = []
  const taken: Seat[] = []
  const take = async (n: number) => {
    const seat = await seats.take(never)
    came.push(n)
    taken.push(seat)
  }
  for (const n of [0, 1, 2, 3]) void take(n)
  await soon()
  expect(came).toEqual([0, 1])
  taken[1]?.settled()
  await soon()
  expect(came).toEqual([0, 1, 2])
  taken[0]?.release()
  await soon()
  expect(came).toEqual([0, 1, 2, 3])
})

test('when all places are taken, the agent that was idle for longest goes, and only then the next one starts', async () => {
  const seats = new Seats({ live: 2, starting: 2 })
  const [one, two] = [await seats.take(never), await seats.take(never)]
  one.settled()
  two.settled()
  const closed: string[] = []
  two.offer(() => closed.push('two'))
  one.offer(() => closed.push('one'))
  let third: Seat | null = null
  void seats.take(never).then((seat) => (third = seat))
  await soon()
  expect([closed, third]).toEqual([['two'], null])
  two.release()
  await soon()
  expect(third).not.toBeNull()
  expect(closed).toEqual(['two'])
})

test('who works is not disturbed: an offer that was taken back counts no more', async () => {
  const seats = new Seats({ live: 1, starting: 1 })
  const one = await seats.take(never)
  one.settled()
  const closed: string[] = []
  const takeBack = one.offer(() => closed.push('one'))
  takeBack()
  const stop = new AbortController()
  const late = seats.take(stop.signal)
  await soon()
  expect(closed).toEqual([])
  stop.abort(new Error('stopped'))
  await expect(late).rejects.toThrow('stopped')
  one.release()
  await expect(seats.take(never)).resolves.toBeDefined()
})

test('whatever comes and goes, the limits hold and everybody is served in the end', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom('take', 'settle', 'offer', 'release'), { maxLength: 60 }),
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 1, max: 3 }),
      async (steps, live, starting) => {
        const seats = new Seats({ live, starting })
        const held = new Set<{ seat: Seat; settled: boolean; offered: boolean }>()
        let asked = 0
        let served = 0
        const release = (one: typeof held extends Set<infer One> ? One : never) => {
          held.delete(one)
          one.seat.release()
        }
        const take = async () => {
          const seat = await seats.take(never)
          served += 1
          held.add({ seat, settled: false, offered: false })
        }
        for (const step of [...steps, 'end'] as const) {
          const [one] = held
          const resting = [...held].find(({ settled, offered }) => settled && !offered)
          if (step === 'take') {
            asked += 1
            void take()
          } else if (step === 'settle') {
            for (const some of held) {
              some.settled = true
              some.seat.settled()
            }
          } else if (step === 'offer' && resting !== undefined) {
            resting.offered = true
            resting.seat.offer(() => release(resting))
          } else if (step === 'release' && one !== undefined) release(one)
          await soon()
          expect(held.size).toBeLessThanOrEqual(live)
          expect([...held].filter(({ settled }) => !settled).length).toBeLessThanOrEqual(starting)
        }
        for (let round = 0; round < 200; round += 1) {
          if (served === asked) break
          for (const some of held) release(some)
          await soon()
        }
        expect(served).toBe(asked)
      },
    ),
  )
})
