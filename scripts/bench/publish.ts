import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { toTable, type Result } from './report.ts'
import type { Measured } from './run.ts'
import type { Scenario } from './scenario.ts'
import { toSpread } from './statistics.ts'
import { toBarPlot, toLinePlot } from './svg.ts'

export interface Published {
  readonly results: readonly Result[]
  readonly scenarios: readonly Scenario[]
  readonly measured: readonly Measured[]
  /** What a reader of the figures has to know about how they came about. */
  readonly about: Readonly<Record<string, string | number | boolean>>
}

/** Writes results.json, figures.md and the plots into a folder. */
export async function publish({ results, scenarios, measured, about }: Published, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  const goals = results.flatMap(({ scenario: { id }, row, value }) => {
    const goal = row.atLeast ?? row.atMost ?? 0
    return goal === 0 ? [] : [{ name: `${id}: ${row.figure}`, value, goal, least: row.atLeast !== undefined }]
  })
  const plots = scenarios.flatMap((scenario) => toGrowthPlots(scenario, measured))
  const files: Readonly<Record<string, string>> = {
    'results.json': `${JSON.stringify({ about, measured }, null, 2)}\n`,
    ...(goals.length === 0 ? {} : { 'goals.svg': toBarPlot('Figures as a share of their goal', goals) }),
    ...Object.fromEntries(plots.map(({ name, svg }) => [`${name}.svg`, svg])),
  }
  const images = Object.keys(files).filter((name) => name.endsWith('.svg'))
  const said = Object.entries(about).map(([name, value]) => `${name} ${value}`)
  const figures = [said.join(', '), toTable(results), ...images.map((name) => `![${name.replace('.svg', '')}](${name})`)]
  for (const [name, content] of Object.entries({ ...files, 'figures.md': `${figures.join('\n\n')}\n` }))
    await writeFile(join(folder, name), content)
}

function toGrowthPlots({ id, sides, growth = [] }: Scenario, measured: readonly Measured[]): readonly { name: string; svg: string }[] {
  const runs = measured.find((one) => one.id === id)?.runs
  if (runs === undefined) return []
  return growth.map(({ figure, title, of, unit }) => {
    const points = sides.map((side) => ({
      x: Number(side.replaceAll(',', '')),
      y: toSpread((runs[side] ?? []).map((one) => one[figure] ?? NaN)),
    }))
    return { name: `${id}-${figure}`, svg: toLinePlot({ title, x: of, unit, points }) }
  })
}

const [begin, end] = ['<!-- figures -->', '<!-- end of figures -->']

/** What was measured now, and of all else what was published in a folder before. */
export async function withEarlier(measured: readonly Measured[], folder: string): Promise<readonly Measured[]> {
  const text = await readFile(join(folder, 'results.json'), 'utf8').catch(() => '{"measured":[]}')
  const earlier = (JSON.parse(text) as Pick<Published, 'measured'>).measured
  return [...measured, ...earlier.filter(({ id }) => measured.every((one) => one.id !== id))]
}

/** Moves the figures that `publish` has written beside a page into that page, between its marks. Throws when it has none. */
export async function insertFigures(page: string, folder: string, link: string): Promise<void> {
  const text = await readFile(page, 'utf8')
  const [at, to] = [text.indexOf(begin), text.indexOf(end)]
  if (at === -1 || to < at) throw new Error(`${page} has no place for figures`)
  const figures = (await readFile(join(folder, 'figures.md'), 'utf8')).replaceAll('](', `](${link}/`)
  await writeFile(page, `${text.slice(0, at + begin.length)}\n\n${figures}\n${text.slice(to)}`)
  await rm(join(folder, 'figures.md'))
}
