import { expect, test } from 'vitest'
import { Listeners } from './listeners.ts'

test('each is told of its own key, as often as it listens, until it does not', () => {
  const listeners = new Listeners<string>()
  const heard: string[] = []
  const both = () => heard.push('both')
  const once = listeners.add('a', both)
  const again = listeners.add('a', both)
  using _other = listeners.add('b', () => heard.push('other'))
  listeners.tell('a')
  expect(heard.splice(0)).toEqual(['both', 'both'])
  again[Symbol.dispose]()
  again[Symbol.dispose]()
  listeners.tellAll()
  expect(heard.splice(0)).toEqual(['both', 'other'])
  once[Symbol.dispose]()
  listeners.tell('a')
  listeners.tell('nobody')
  expect([heard, listeners.size]).toEqual([[], 1])
})

test('who comes when the last has just gone is told', () => {
  const listeners = new Listeners<string>()
  const heard: string[] = []
  const first = listeners.add('a', () => heard.push('first'))
  first[Symbol.dispose]()
  using _second = listeners.add('a', () => heard.push('second'))
  first[Symbol.dispose]()
  listeners.tell('a')
  expect(heard).toEqual(['second'])
})
