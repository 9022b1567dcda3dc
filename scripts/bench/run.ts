import type { Figures, Scenario } from './scenario.ts'
import { openStage, type StageOptions } from './stage.ts'

/** All runs of one scenario: for each side, what each run gave. */
export interface Measured {
  readonly id: string
  readonly runs: Readonly<Record<string, readonly Figures[]>>
  readonly notes: readonly string[]
}

export interface RunOptions extends Pick<StageOptions, 'scale' | 'profiles' | 'walled'> {
  readonly runs: number
  readonly say: (text: string) => void
}

/** Measures a scenario: its sides one after the other, run after run, each side first in turn. Rejects when something is lost or fails. */
export async function runScenario(scenario: Scenario, { runs, say, ...options }: RunOptions): Promise<Measured> {
  const figures = new Map<string, Figures[]>(scenario.sides.map((side) => [side, []]))
  const notes = new Set<string>()
  for (let run = 0; run < runs; run += 1) {
    for (const side of run % 2 === 0 ? scenario.sides : scenario.sides.toReversed()) {
      await using stage = await openStage({ ...options, note: (text) => notes.add(text) })
      const of = await scenario.run(stage, side)
      figures.get(side)?.push(of)
      say(
        `  run ${run + 1}, ${side}: ${Object.entries(of)
          .map(([name, value]) => `${name} ${value.toPrecision(4)}`)
          .join(', ')}`,
      )
    }
  }
  return { id: scenario.id, runs: Object.fromEntries(figures), notes: [...notes] }
}
