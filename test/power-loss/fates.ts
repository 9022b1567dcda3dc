import type { Fate } from './disk.ts'

/** Numbers from 0 to below 1, the same ones for the same seed (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

const whole = (length: number) => length
const all = (count: number, fits: (index: number) => boolean) => Array.from({ length: count }, (_, index) => fits(index))

/** What may become of unsynced changes: the extremes, and anything between them. */
export function toFates(random: () => number): Readonly<Record<string, Fate>> {
  const below = (limit: number) => Math.floor(random() * limit)
  const some = (count: number) => all(count, () => random() < 0.5)
  const prefix = (count: number) => {
    const kept = below(count + 1)
    return all(count, (index) => index < kept)
  }
  const sector = (length: number) => Math.min(length, 512 * below(length / 512 + 1))
  const page = (length: number) => Math.min(length, 4096 * below(length / 4096 + 1))
  return {
    'none of it': { keep: (count) => all(count, () => false), torn: whole, name: () => 0 },
    'all of it': { keep: (count) => all(count, () => true), torn: whole, name: (count) => count - 1 },
    'names without content': { keep: (count) => all(count, () => false), torn: whole, name: (count) => count - 1 },
    'content without names': { keep: (count) => all(count, () => true), torn: whole, name: () => 0 },
    'a beginning': { keep: prefix, torn: whole, name: below },
    'a beginning, the last torn': { keep: prefix, torn: sector, name: below },
    'only the last': { keep: (count) => all(count, (index) => index === count - 1), torn: whole, name: below },
    'all but one': {
      keep: (count) => {
        const lost = below(count)
        return all(count, (index) => index !== lost)
      },
      torn: whole,
      name: below,
    },
    'some of it': { keep: some, torn: whole, name: below },
    'some of it, torn between sectors': { keep: some, torn: sector, name: below },
    'some of it, torn between pages': { keep: some, torn: page, name: below },
  }
}
