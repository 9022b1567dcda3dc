/** Lets calls come up for a decision one after the other. Runs inside OpenCode. */
export interface Turnstile {
  /** Resolves when the call is announced and it is its turn. `asked` is called when the question about it has been put. */
  enter(call: string, asked: () => void): Promise<void>
  /** A call is announced with its input. */
  announced(call: string): void
  asked(call: string): void
  /** The question of the one that is inside was answered. */
  answered(): void
  /** A call has ended, asked or not. */
  ended(call: string): void
  /** Nothing runs any more. */
  reset(): void
}

interface Visitor {
  readonly call: string
  readonly asked: () => void
  readonly admit: () => void
}

/** A call has passed when its question was answered, or when it has ended without one. */
export function createTurnstile(): Turnstile {
  const announced = new Set<string>()
  let waiting: readonly Visitor[] = []
  let inside: Visitor | null = null
  // One whose announcement is still to come lets others by: OpenCode may ask before it announces, and then nobody would see the input.
  const advance = (): void => {
    if (inside !== null) return
    inside = waiting.find(({ call }) => announced.has(call)) ?? null
    waiting = waiting.filter((visitor) => visitor !== inside)
    inside?.admit()
  }
  const leave = (): void => {
    inside = null
    advance()
  }
  return {
    async enter(call, asked) {
      const { promise, resolve } = Promise.withResolvers<void>()
      waiting = [...waiting, { call, asked, admit: resolve }]
      advance()
      await promise
    },
    announced(call) {
      announced.add(call)
      advance()
    },
    asked(call) {
      if (inside?.call === call) inside.asked()
    },
    answered: leave,
    ended(call) {
      announced.delete(call)
      if (inside?.call === call) leave()
    },
    reset() {
      const left = waiting
      waiting = []
      announced.clear()
      inside = null
      for (const { admit } of left) admit()
    },
  }
}
