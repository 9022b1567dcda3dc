import type { Frames } from '../core/ports.ts'

interface Made extends Frames {
  readonly session: string
  readonly after: number
  /** How often it was read. */
  reads: number
}

/** Of about 64 KB each, or 256 KB where many read them. */
const KEPT = 16
const MANY = 16
const LONGER = 4

/**
 * The frames that were read last. Who follows a session wants what the one woken before has just read: it is read once and
 * the same bytes are written to all. What was committed does not change, so that nothing here can be out of date.
 */
export class RecentFrames {
  readonly #made: Made[] = []
  #next = 0

  /**
   * Makes them unless they are there; null where `make` gives null. What follows on a stretch that many have read may be so many times as
   * long: that takes a quarter of the writes, and to each of those who share it it costs less memory than a short one of their own.
   */
  read(session: string, after: number, make: (times: number) => Frames | null): Frames | null {
    const found = this.#made.find((one) => one.after === after && one.session === session)
    if (found !== undefined) {
      found.reads += 1
      return found
    }
    const before = this.#made.find((one) => one.position === after && one.session === session)
    const frames = make(before !== undefined && before.reads >= MANY ? LONGER : 1)
    if (frames === null) return null
    this.#made[this.#next] = { session, after, reads: 1, ...frames }
    this.#next = (this.#next + 1) % KEPT
    return frames
  }
}
