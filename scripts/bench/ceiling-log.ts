import type { Writable } from 'node:stream'

/** Frames that were made together, ready to be sent, and the events in them. */
interface Batch {
  readonly frames: Buffer
  readonly events: readonly string[]
}

/** The events of one session of the ceiling, in memory alone. Whoever follows gets the very same buffers, at its own pace. */
export class CeilingLog {
  readonly #batches: Batch[] = []
  readonly #waiting = new Set<() => void>()
  #lastSeq = 0

  get lastSeq(): number {
    return this.#lastSeq
  }

  /** Numbers the events and makes one buffer of their frames. */
  add(makers: readonly ((seq: number) => string)[]): void {
    let frames = ''
    const events: string[] = []
    for (const make of makers) {
      const event = make((this.#lastSeq += 1))
      events.push(event)
      frames += `id: ${this.#lastSeq}\ndata: ${event}\n\n`
    }
    this.#batches.push({ frames: Buffer.from(frames, 'latin1'), events })
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const wake of waiting) wake()
  }

  /** Writes all there is, and then `caughtUp`, and then what comes, never more than the stream takes. Ends with the stream. */
  follow(stream: Writable, { fromStart, caughtUp }: { readonly fromStart: boolean; readonly caughtUp: Buffer | null }): void {
    let at = fromStart ? 0 : this.#batches.length
    let told = caughtUp === null
    const go = (): void => {
      while (!stream.destroyed) {
        const batch = this.#batches[at]
        if (batch === undefined) {
          if (!told) stream.write(caughtUp)
          told = true
          return void this.#waiting.add(go)
        }
        at += 1
        if (!stream.write(batch.frames)) return void stream.once('drain', go)
      }
    }
    stream.once('close', () => this.#waiting.delete(go))
    go()
  }

  /** The events after `after`: at most `limit`, or about a megabyte, as the daemon gives them. */
  page(after: number, limit: number): string {
    const events: string[] = []
    let length = 0
    let first = 0
    for (const batch of this.#batches) {
      const last = first + batch.events.length
      if (last > after)
        for (const event of first < after ? batch.events.slice(after - first) : batch.events) {
          if (events.length >= limit || length >= 1024 * 1024) break
          events.push(event)
          length += event.length + 128
        }
      if (events.length >= limit || length >= 1024 * 1024) break
      first = last
    }
    const next = after + events.length
    return `{"events":[${events.join(',')}],"next_seq":${next},"has_more":${next < this.#lastSeq}}`
  }
}
