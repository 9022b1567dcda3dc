import type { Capabilities } from '@codesdkd/protocol'
import type { Stage } from './stage.ts'

/** What a runtime claims of itself. */
export type Flag = Exclude<keyof Capabilities, 'runtime' | 'models' | 'notes'>

/** One scenario of the suite. It knows no runtime: what differs between agents comes from `stage.subject`. */
export interface Cell {
  readonly name: string
  /** One of each kind also runs in `npm test`. */
  readonly quick?: true
  /** Capabilities that this cell proves, or disproves where the runtime says no. */
  readonly proves?: readonly Flag[]
  run(stage: Stage): Promise<void>
}
