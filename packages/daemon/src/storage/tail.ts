import type { StoredEvent } from '../core/ports.ts'
import { weigh } from './page.ts'

export interface TailOptions {
  /** What numbers the events; it grows by one from event to event. */
  readonly position: (event: StoredEvent) => number
  /** Default 2048. */
  readonly maxEvents?: number
  /** Default 1 MiB. */
  readonly maxLength?: number
}

/** The latest stretch of a log, in memory and bounded. */
export class Tail {
  readonly #position: (event: StoredEvent) => number
  readonly #maxEvents: number
  readonly #maxLength: number
  /** The places before `#first` are empty; they are taken away many at a time. */
  #events: (StoredEvent | undefined)[] = []
  #first = 0
  #length = 0

  constructor({ position, maxEvents = 2048, maxLength = 1024 * 1024 }: TailOptions) {
    this.#position = position
    this.#maxEvents = maxEvents
    this.#maxLength = maxLength
  }

  /** Adds the next event and forgets what is beyond the bounds; the event itself always stays. */
  push(event: StoredEvent): void {
    const last = this.#events.at(-1)
    if (last !== undefined && this.#position(event) !== this.#position(last) + 1) this.clear()
    this.#events.push(event)
    this.#length += weigh(event)
    while (this.size > 1 && (this.size > this.#maxEvents || this.#length > this.#maxLength)) this.#forgetOldest()
  }

  clear(): void {
    this.#events = []
    this.#first = 0
    this.#length = 0
  }

  get size(): number {
    return this.#events.length - this.#first
  }

  /** The events after a position, oldest first; to be used at once. Null when some of them are not here (any more). */
  after(position: number): Iterable<StoredEvent> | null {
    const first = this.#events[this.#first]
    if (first === undefined || position + 1 < this.#position(first)) return null
    return this.#from(this.#first + position + 1 - this.#position(first))
  }

  *#from(index: number): Generator<StoredEvent> {
    for (let at = index; at < this.#events.length; at++) {
      const event = this.#events[at]
      if (event !== undefined) yield event
    }
  }

  #forgetOldest(): void {
    const oldest = this.#events[this.#first]
    if (oldest !== undefined) this.#length -= weigh(oldest)
    this.#events[this.#first] = undefined
    this.#first += 1
    if (this.#first * 2 > this.#events.length) {
      this.#events = this.#events.slice(this.#first)
      this.#first = 0
    }
  }
}
