import type { Measured } from './run.ts'
import type { Figures, Row, Scenario } from './scenario.ts'
import { toSpread, type Spread } from './statistics.ts'

/** One row with what came of it. */
export interface Result {
  readonly scenario: Scenario
  readonly row: Row
  readonly value: Spread
  /** Null where nothing is to be reached. */
  readonly reached: boolean | null
}

/** The rows of what was measured, in the order of the scenarios. */
export function toResults(scenarios: readonly Scenario[], measured: readonly Measured[]): readonly Result[] {
  return scenarios.flatMap((scenario) => {
    const runs = measured.find(({ id }) => id === scenario.id)?.runs
    const [first = '', second = ''] = scenario.sides
    return runs === undefined
      ? []
      : scenario.rows.map((row) => {
          const value = toSpread(toValues(row, runs[first], runs[second]))
          return { scenario, row, value, reached: isReached(row, value) }
        })
  })
}

/** A table in Markdown. */
export function toTable(results: readonly Result[]): string {
  const lines = results.map(({ scenario: { id, what, sides }, row, value, reached }) => {
    const unit = row.of === 'ratio' ? `× ${sides[1] ?? ''}` : row.unit
    const cells = [
      id,
      `${what}: ${row.what}`,
      toBound(row),
      `${show(value.median)} ${unit}`.trim(),
      `${show(value.least)} … ${show(value.most)}`,
    ]
    return `| ${[...cells, reached === null ? '' : reached ? 'yes' : '**no**'].join(' | ')} |`
  })
  return ['| scenario | what | to reach | median | least … most | reached |', '|---|---|---|---|---|---|', ...lines].join('\n')
}

/** Run by run, so that what disturbs a run disturbs both sides. */
function toValues({ figure, of }: Row, ours: readonly Figures[] = [], theirs: readonly Figures[] = []): readonly number[] {
  return ours.map((one, run) => {
    const [own, other] = [one[figure] ?? NaN, theirs[run]?.[figure] ?? NaN]
    switch (of) {
      case 'first':
        return own
      case 'ratio':
        return own / other
      case 'difference':
        return own - other
      default:
        return of satisfies never
    }
  })
}

function isReached({ atLeast, atMost }: Row, { median }: Spread): boolean | null {
  if (atLeast === undefined && atMost === undefined) return null
  return (atLeast === undefined || median >= atLeast) && (atMost === undefined || median <= atMost)
}

function toBound({ atLeast, atMost, of, unit }: Row): string {
  const suffix = of !== 'ratio' && unit !== '' ? ` ${unit}` : ''
  return [atLeast === undefined ? '' : `≥ ${atLeast}${suffix}`, atMost === undefined ? '' : `≤ ${atMost}${suffix}`]
    .filter(Boolean)
    .join(', ')
}

export function show(value: number): string {
  if (Number.isNaN(value)) return '–'
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en-US') : String(Number(value.toPrecision(3)))
}
