/** A turn that runs or is about to, for those who want to say something in the middle of it. */
export class Running<Turn> {
  readonly #begun = Promise.withResolvers<Turn | null>()
  readonly #over = new AbortController()

  /** The turn once the agent may be told more; null when it has come to nothing. */
  get turn(): Promise<Turn | null> {
    return this.#begun.promise
  }

  /** Aborted when it is over, however it ended. */
  get over(): AbortSignal {
    return this.#over.signal
  }

  begin(turn: Turn): void {
    this.#begun.resolve(turn)
  }

  end(): void {
    this.#begun.resolve(null)
    this.#over.abort()
  }
}
