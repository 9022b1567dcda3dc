import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import { Waiters } from './waiters.ts'

test('only those are woken whose number was passed', async () => {
  const waiters = new Waiters<string>()
  const { signal } = new AbortController()
  const woken: string[] = []
  const first = waiters.wait('a', 1, signal).then(() => woken.push('first'))
  const second = waiters.wait('a', 2, signal).then(() => woken.push('second'))
  const other = waiters.wait('b', 0, signal).then(() => woken.push('other'))
  waiters.wake('a', 2)
  await first
  expect(woken).toEqual(['first'])
  expect(waiters.size).toBe(2)
  waiters.wake('a', 3)
  waiters.wake('b', 1)
  await Promise.all([second, other])
  expect(waiters.size).toBe(0)
})

test('who gives up leaves nothing behind, neither here nor on the signal', async () => {
  const waiters = new Waiters<string>()
  const controller = new AbortController()
  const { signal } = controller
  const reason = new Error('enough')
  const aborted = waiters.wait('a', 0, signal)
  controller.abort(reason)
  await expect(aborted).rejects.toBe(reason)
  await expect(waiters.wait('a', 0, signal)).rejects.toBe(reason)
  const later = new AbortController()
  const woken = waiters.wait('a', 0, later.signal)
  waiters.wake('a', 1)
  await woken
  expect(waiters.size).toBe(0)
  expect(getEventListeners(signal, 'abort')).toEqual([])
  expect(getEventListeners(later.signal, 'abort')).toEqual([])
})

test('the end rejects everyone', async () => {
  const waiters = new Waiters<string>()
  const { signal } = new AbortController()
  const reason = new Error('closed')
  const waits = ['a', 'a', 'b'].map((key) => waiters.wait(key, 0, signal))
  waiters.rejectAll(reason)
  expect(await Promise.allSettled(waits)).toEqual(waits.map(() => ({ status: 'rejected', reason })))
  expect(waiters.size).toBe(0)
})
