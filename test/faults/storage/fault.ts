/** One round of a fault. */
export interface Round {
  /** From 0 to 1, from the seed of the run. */
  random(): number
  /** True where there is time for the full measure. */
  readonly long: boolean
  /** A measured figure, for the report. */
  figure(name: string, value: string | number): void
}

/** A fault that is injected, and what must hold all the same: `run` throws where it does not. */
export interface Fault {
  readonly id: string
  readonly name: string
  readonly rounds: { readonly short: number; readonly long: number }
  run(round: Round): Promise<void>
}
