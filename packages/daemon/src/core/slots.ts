/** So many things may go on at once; who waits is served in order of arrival. */
export class Slots {
  readonly #limit: number
  readonly #waiting: (() => void)[] = []
  #taken = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  get free(): boolean {
    return this.#taken < this.#limit
  }

  /** Takes a slot if one is free now. The result gives it back. */
  tryTake(): (() => void) | null {
    if (!this.free) return null
    this.#taken += 1
    let held = true
    return () => {
      if (!held) return
      held = false
      this.#taken -= 1
      // Who is called may have nothing to do any more: then the next one is.
      while (this.free && this.#waiting.length > 0) this.#waiting.shift()?.()
    }
  }

  /** Calls back, once, when a slot may be free; whoever is called tries again. The result withdraws. */
  whenFree(callback: () => void): () => void {
    this.#waiting.push(callback)
    return () => {
      const at = this.#waiting.indexOf(callback)
      if (at >= 0) this.#waiting.splice(at, 1)
    }
  }
}
