import type { Clock } from './core/ports.ts'

/** The machine's clocks. A flood has many events in one millisecond: their time is written out once. */
export function createSystemClock(): Clock {
  let at = NaN
  let text = ''
  return {
    now() {
      const now = Date.now()
      if (now !== at) text = new Date(now).toISOString()
      at = now
      return text
    },
    monotonic: () => performance.now(),
  }
}
