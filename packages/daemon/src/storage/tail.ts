import type { StoredStretch } from './stretch.ts'

export interface TailOptions {
  /** What numbers the events; it grows by one from event to event. Of the first event of a stretch. */
  readonly position: (stretch: StoredStretch) => number
  /** Default 2048. */
  readonly maxEvents?: number
  /** Bytes; default 1 MiB. */
  readonly maxLength?: number
}

/** The end of a log, in memory and bounded. */
export class Tail {
  readonly #position: (stretch: StoredStretch) => number
  readonly #maxEvents: number
  readonly #maxLength: number
  /** The places before `#first` are empty; they are taken away many at a time. */
  #stretches: (StoredStretch | undefined)[] = []
  #first = 0
  #events = 0
  #length = 0

  constructor({ position, maxEvents = 2048, maxLength = 1024 * 1024 }: TailOptions) {
    this.#position = position
    this.#maxEvents = maxEvents
    this.#maxLength = maxLength
  }

  /** Adds what comes next and forgets what is beyond the bounds; what was added last always stays. */
  push(stretch: StoredStretch): void {
    const last = this.#stretches.at(-1)
    if (last !== undefined && this.#position(stretch) !== this.#position(last) + last.count) this.clear()
    this.#stretches.push(stretch)
    this.#events += stretch.count
    this.#length += stretch.frames.length
    while (this.#first < this.#stretches.length - 1 && (this.#events > this.#maxEvents || this.#length > this.#maxLength))
      this.#forgetOldest()
  }

  clear(): void {
    this.#stretches = []
    this.#first = 0
    this.#events = 0
    this.#length = 0
  }

  /** What holds the events after a position, oldest first; to be used at once. The first may begin before. Null when some of them are not here (any more). */
  after(position: number): Iterable<StoredStretch> | null {
    const first = this.#stretches[this.#first]
    if (first === undefined || position + 1 < this.#position(first)) return null
    // Who reads here is mostly near the end.
    let at = this.#stretches.length - 1
    for (let one = this.#stretches[at]; one !== undefined && this.#position(one) > position + 1; one = this.#stretches[at]) at -= 1
    return this.#from(at)
  }

  *#from(index: number): Generator<StoredStretch> {
    for (let at = index; at < this.#stretches.length; at++) {
      const stretch = this.#stretches[at]
      if (stretch !== undefined) yield stretch
    }
  }

  #forgetOldest(): void {
    const oldest = this.#stretches[this.#first]
    if (oldest !== undefined) {
      this.#events -= oldest.count
      this.#length -= oldest.frames.length
    }
    this.#stretches[this.#first] = undefined
    this.#first += 1
    if (this.#first * 2 > this.#stretches.length) {
      this.#stretches = this.#stretches.slice(this.#first)
      this.#first = 0
    }
  }
}
