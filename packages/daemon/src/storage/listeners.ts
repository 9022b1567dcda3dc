/** Who is told when something happens, by key. A listener must not throw. */
export class Listeners<K> {
  readonly #listeners = new Map<K, Set<{ readonly listener: () => void }>>()

  /** Told each time until the result is disposed. */
  add(key: K, listener: () => void): Disposable {
    const own = { listener }
    const all = this.#listeners.get(key) ?? new Set()
    this.#listeners.set(key, all.add(own))
    return {
      [Symbol.dispose]: () => {
        all.delete(own)
        if (all.size === 0 && this.#listeners.get(key) === all) this.#listeners.delete(key)
      },
    }
  }

  tell(key: K): void {
    for (const { listener } of this.#listeners.get(key) ?? []) listener()
  }

  tellAll(): void {
    for (const key of this.#listeners.keys()) this.tell(key)
  }

  /** How many listen. */
  get size(): number {
    let size = 0
    for (const all of this.#listeners.values()) size += all.size
    return size
  }
}
