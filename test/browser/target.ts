import type { TreasureName } from './loot.ts'

type PrizePath = 'json' | 'stream' | 'approve' | 'session' | 'missing' | 'missingFile' | TreasureName

/** What an attacker may know of a server: where everything is, and the exact body that would approve the call. */
export interface Prize {
  readonly name: string
  readonly url: string
  readonly paths: Readonly<Record<PrizePath, string>>
  /** How long a document of it may take to speak. Short where none ever should. */
  readonly patienceMs: number
  readonly approval: { readonly attempt: number; readonly input_hash: string }
}

/** A server that is attacked. */
export interface Target extends AsyncDisposable {
  readonly prize: Prize
  /** Resolves when what this attack sent has come; rejects with the signal. `refused` is what `refusals` said before it. */
  arrival(mark: string, refused: number, signal: AbortSignal): Promise<void>
  /** How many requests were refused, and counted as such, so far. */
  refusals(): Promise<number>
  /** Everything that an attack may change, as text. */
  state(): Promise<string>
}
