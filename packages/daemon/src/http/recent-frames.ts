import type { Frames } from '../core/ports.ts'

interface Made extends Frames {
  readonly session: string
  readonly after: number
}

/** Of about 64 KB each. */
const KEPT = 16

/**
 * The frames that were read last. Who follows a session wants what the one woken before has just read: it is read once and
 * the same bytes are written to all. What was committed does not change, so that nothing here can be out of date.
 */
export class RecentFrames {
  readonly #made: Made[] = []
  #next = 0

  /** Makes them unless they are there; null where `make` gives null. */
  read(session: string, after: number, make: () => Frames | null): Frames | null {
    const found = this.#made.find((one) => one.after === after && one.session === session)
    if (found !== undefined) return found
    const frames = make()
    if (frames === null) return null
    this.#made[this.#next] = { session, after, ...frames }
    this.#next = (this.#next + 1) % KEPT
    return frames
  }
}
