import { expect, test } from 'vitest'
import { createTurnstile } from './turnstile.ts'

function start() {
  const turnstile = createTurnstile()
  const log: string[] = []
  const enter = (call: string) => void turnstile.enter(call, () => log.push(`${call} asked`)).then(() => log.push(`${call} in`))
  return { turnstile, log, enter }
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

test('calls come up one after the other, each when the one before was answered or has ended', async () => {
  const { turnstile, log, enter } = start()
  for (const call of ['a', 'b', 'c']) {
    turnstile.announced(call)
    enter(call)
  }
  await settled()
  expect(log).toEqual(['a in'])
  turnstile.asked('b')
  turnstile.asked('a')
  turnstile.answered()
  await settled()
  expect(log).toEqual(['a in', 'a asked', 'b in'])
  turnstile.ended('a')
  await settled()
  expect(log).toEqual(['a in', 'a asked', 'b in'])
  turnstile.ended('b')
  await settled()
  expect(log.at(-1)).toBe('c in')
})

test('a call waits until it is announced, and lets others by', async () => {
  const { turnstile, log, enter } = start()
  enter('a')
  turnstile.announced('b')
  enter('b')
  await settled()
  expect(log).toEqual(['b in'])
  turnstile.announced('a')
  turnstile.answered()
  await settled()
  expect(log).toEqual(['b in', 'a in'])
})

test('nobody is left waiting when the turn is over', async () => {
  const { turnstile, log, enter } = start()
  enter('a')
  turnstile.announced('b')
  enter('b')
  turnstile.reset()
  await settled()
  expect(log.toSorted()).toEqual(['a in', 'b in'])
})
