/** Numbers that a seed repeats. */
export interface Random {
  /** From 0 to 1. */
  next(): number
  /** From the first to the last, both included. */
  integer(first: number, last: number): number
  chance(probability: number): boolean
  of<T>(list: readonly T[]): T
}

/** Mulberry32: small, and good enough to choose faults by. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const integer = (first: number, last: number) => first + Math.floor(next() * (last - first + 1))
  return {
    next,
    integer,
    chance: (probability) => next() < probability,
    of(list) {
      const one = list[integer(0, list.length - 1)]
      if (one === undefined) throw new Error('nothing to choose from')
      return one
    },
  }
}
