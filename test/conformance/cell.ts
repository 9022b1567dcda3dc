import type { Capabilities } from '@codesdkd/protocol'
import type { Stage } from './stage.ts'

/** What a runtime claims that can be seen from outside. */
export type Claims = Omit<Capabilities, 'runtime' | 'models' | 'notes'>

/** One scenario of the suite. It knows no runtime: what differs between agents comes from `stage.subject`. */
export interface Cell {
  readonly name: string
  /** One of each kind also runs in `npm test`. */
  readonly quick?: true
  /** It is played only by runtimes that claim this. */
  readonly needs?: Partial<Claims>
  /** Where it is green, this is so: a runtime that claims otherwise is wrong. */
  readonly proves?: Partial<Claims>
  run(stage: Stage): Promise<void>
}
