import { expect, test } from 'vitest'
import type { ConfinementDenial } from '../core/ports.ts'
import { createDenials } from './denials.ts'
import { Refusal } from './refusal.ts'

function setUp() {
  const told: ConfinementDenial[] = []
  const clock = { time: 0 }
  const tell = createDenials({ refused: (denial) => told.push(denial), now: () => clock.time })
  const deny = (host: string, port = 443) => tell(new Refusal(403, 'No', { reason: 'Because.', target: { host, port } }))
  return { told, clock, tell, deny }
}

test('the same target is told once a second', () => {
  const { told, clock, deny } = setUp()
  for (const time of [0, 1, 999, 1_000, 1_500, 2_000]) {
    clock.time = time
    deny('a.example')
  }
  deny('a.example', 80)
  deny('2001:db8::1')
  expect(told.map(({ target }) => target)).toEqual(['a.example:443', 'a.example:443', 'a.example:443', 'a.example:80', '[2001:db8::1]:443'])
  expect(told[0]).toEqual({ kind: 'network', target: 'a.example:443', reason: 'Because.', source: 'sandbox' })
})

test('ten thousand targets are all told, and not all remembered for ever', () => {
  const { told, deny } = setUp()
  for (let index = 0; index < 10_000; index++) deny(`h${index}.example`)
  expect(told).toHaveLength(10_000)
  deny('h9999.example')
  expect(told).toHaveLength(10_000)
})

test('what is broken, or names no target, is no denial', () => {
  const { told, tell } = setUp()
  tell(new Refusal(502, 'No answer', { target: { host: 'a.example', port: 443 } }))
  tell(new Refusal(403, 'No'))
  expect(told).toEqual([])
})
