import type { Launched, LaunchOptions } from './launch.ts'
import type { Random } from './random.ts'

/** One round of a fault. What it opens, it may leave open: the end of the round ends it. */
export interface Round {
  /** Counts from 0. */
  readonly index: number
  /** True where there is time for the full measure. */
  readonly long: boolean
  /** From 0 to 1, from the seed of the run and the number of the round. */
  random(): number
  /** The same numbers, with the usual questions. */
  readonly pick: Random
  /** A fresh folder, removed after the round. `workspace` is in it; `state` is the data directory of `start`. */
  readonly folder: string
  readonly workspace: string
  readonly dataDir: string
  /** In the environment of every session that `session` describes, and so of every process of its agents. */
  readonly marker: string
  /** Starts a daemon that knows the scripted agent as `scripted`, without a wall where `args` do not say otherwise. */
  start(options?: Partial<LaunchOptions>): Promise<Launched>
  /** Body of a session with the scripted agent in the workspace. */
  session(more?: Readonly<Record<string, unknown>>): Record<string, unknown>
  /** What all rounds of this fault have in common: opened by the first that asks, disposed after the last. */
  keep<T extends AsyncDisposable>(open: () => Promise<T>): Promise<T>
  /** Disposes what is kept; the next round opens it anew. */
  renew(): Promise<void>
  /** Disposes it with the round. */
  use<T extends AsyncDisposable>(resource: T): T
  /** Says in the report that this machine, or this user, cannot have the fault. Throws. */
  skip(why: string): never
  /** A measured figure, for the report. */
  figure(name: string, value: string | number): void
}

/** A fault that is injected, and what must hold all the same: `run` throws where it does not. */
export interface Fault {
  readonly id: string
  /** What is done, in a few words. */
  readonly name: string
  readonly rounds: { readonly short: number; readonly long: number }
  run(round: Round): Promise<void>
}
