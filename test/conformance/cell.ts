import type { Stage } from './stage.ts'
import type { Claims, Subject } from './subject.ts'

/** One scenario of the suite. It knows no runtime: what differs between agents comes from `stage.subject`. */
export interface Cell {
  readonly name: string
  /** One of each kind also runs in `npm test`. */
  readonly quick?: true
  /** It is played only by runtimes that claim this. What a runtime claims otherwise is disproved by another cell. */
  readonly needs?: Partial<Claims>
  /** Where it is green, this is so: a runtime that claims otherwise is wrong. A function where more than one claim looks like this from outside. */
  readonly proves?: Partial<Claims> | ((claims: Claims) => Partial<Claims>)
  /** A cell that takes longer has hung. Two minutes where it is not given: some agents need seconds to start. */
  readonly limitMs?: number
  /** How many failures of an endpoint it plays that agents take up again for a while; what one takes for that is added to the limit. */
  readonly perseveres?: number
  /** What the table says beside the mark of this runtime, where green alone would say too much. */
  remark?(subject: Subject): string | null
  run(stage: Stage): Promise<void>
}
