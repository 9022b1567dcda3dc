import type { LoadProcess } from './load-process.ts'
import type { Side, Target, TargetOptions } from './target.ts'

/** What one side gave in one run, by the names of the rows. */
export type Figures = Readonly<Record<string, number>>

/** One figure that is to be reached. */
export interface Row {
  /** Its name among the figures of a side. */
  readonly figure: string
  readonly what: string
  /** Of the first side to the second, between them, or of the first side alone. */
  readonly of: 'ratio' | 'difference' | 'first'
  /** Of the figure itself. */
  readonly unit: string
  readonly atLeast?: number
  readonly atMost?: number
}

/** How a figure grows from side to side, where the sides are sizes. */
export interface Growth {
  readonly figure: string
  readonly title: string
  readonly of: string
  readonly unit: string
}

/** One thing that is measured. In each run every side is measured once, one after the other, in turns. */
export interface Scenario {
  readonly id: string
  readonly what: string
  readonly sides: readonly string[]
  readonly rows: readonly Row[]
  readonly growth?: readonly Growth[]
  run(stage: Stage, side: string): Promise<Figures>
}

/** What one side of one run has to work with. Everything on it ends with it. */
export interface Stage {
  /** Of what a scenario writes and waits for; 1 is the figure in earnest. */
  readonly scale: number
  /** A new folder. */
  folder(): Promise<string>
  /** Default of `folder`: a new one. */
  target(side: Side, more?: Partial<Pick<TargetOptions, 'agent' | 'executable' | 'flags' | 'folder'>>): Promise<Target>
  load(): LoadProcess
  /** Something about this run that its reader should know. */
  readonly note: (text: string) => void
  /** Of a full number of events, as many as are to be written at this scale. */
  events(full: number): number
}

/** Both servers, by the same routes. */
export const servers: readonly Side[] = ['daemon', 'ceiling']
