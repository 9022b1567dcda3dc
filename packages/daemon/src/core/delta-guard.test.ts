import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { createDeltaGuard } from './delta-guard.ts'
import type { Observation } from './task-host.ts'
import { createMasker } from './redaction/redact.ts'

const delta = (text: string): Observation => ({
  kind: 'event',
  event: { type: 'model.output.delta', payload: { kind: 'text_delta', block_id: 'b', delta: text } },
})
const completed: Observation = { kind: 'event', event: { type: 'model.output.completed', payload: { block_id: 'b', content: [] } } }
const output = (text: string): Observation => ({ kind: 'call.output', id: 'c', stream: 'stdout', delta: text })

function texts(observations: readonly Observation[]): readonly string[] {
  return observations.flatMap((one) => {
    if (one.kind === 'call.output') return [one.delta]
    return one.kind === 'event' && one.event.type === 'model.output.delta' ? [one.event.payload.delta] : []
  })
}

const secret = 'correct-horse-battery'
const masker = createMasker([secret])
/** Texts in which the secret, its beginnings and its like are frequent. */
const text = fc
  .array(fc.constantFrom(secret, 'correct-', 'horse-battery', 'correct-horse-battery!', 'c', 'x', ' '), { maxLength: 12 })
  .map((parts) => parts.join(''))
const cuts = fc.array(fc.nat(60), { maxLength: 20 })

function cutUp(whole: string, at: readonly number[]): readonly string[] {
  const places = [...new Set([0, ...at.filter((place) => place < whole.length), whole.length])].toSorted((a, b) => a - b)
  return places.slice(1).map((end, index) => whole.slice(places[index], end))
}

test('however a text is cut, what is shown is masked as the whole would be, and nothing of it is lost', () => {
  fc.assert(
    fc.property(text, cuts, (whole, at) => {
      const guard = createDeltaGuard(masker.heldBack)
      const shown = texts([...cutUp(whole, at).flatMap((part) => guard.pass(delta(part))), ...guard.pass(completed)])
      expect(shown.join('')).toBe(whole)
      expect(shown.map(masker.maskText).join('')).toBe(masker.maskText(whole))
    }),
  )
})

test('the same for the output of a command, and what is held back when the task ends is shown then', () => {
  const guard = createDeltaGuard(masker.heldBack)
  expect(texts([...guard.pass(output('it is correct-')), ...guard.pass(output('horse-battery.'))])).toEqual([
    'it is ',
    'correct-horse-battery.',
  ])
  expect(texts(guard.pass(delta('ends in corr')))).toEqual(['ends in '])
  expect(texts(guard.rest())).toEqual(['corr'])
  expect(guard.rest()).toEqual([])
})

test('a block that is discarded takes with it what was held back', () => {
  const guard = createDeltaGuard(masker.heldBack)
  guard.pass(delta('correct'))
  guard.pass({ kind: 'event', event: { type: 'model.output.discarded', payload: { block_id: 'b' } } })
  expect(guard.rest()).toEqual([])
})

test('without secrets nothing is held back', () => {
  expect(texts(createDeltaGuard(createMasker().heldBack).pass(delta('correct')))).toEqual(['correct'])
})
