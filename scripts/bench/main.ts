import { cpus, loadavg } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { insertFigures, publish, withEarlier } from './publish.ts'
import { toResults, toTable } from './report.ts'
import { runScenario, type Measured } from './run.ts'
import type { Scenario } from './scenario.ts'
import { scenarios } from './scenarios.ts'

/**
 * What this daemon does, against the most that can be done on this machine, in one run: `npm run bench`. Each scenario is a row of
 * docs/performance.md, which also says how to read what comes out.
 */

const usage = `npm run bench -- [options]        the rows of docs/performance.md
npm run bench -- wall             what the wall and the gateway cost

--only <id>         only this scenario; repeatable; a name that ends in * stands for all that begin so
--runs <n>          of each scenario (5)
--scale <share>     of the events of a scenario (1); below 1 it is a trial, and no figure
--walled            the stand-in agent runs behind the wall
--out <folder>      writes results.json, figures.md and the plots there
--docs              writes them to docs/performance, and into docs/performance.md; asks for 5 runs at full scale.
                    What was not measured now stays as it was
--profile <folder>  leaves a CPU profile of each server there
--list              only names the scenarios`

const docs = join(import.meta.dirname, '../../docs')

function readFlags() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      only: { type: 'string', multiple: true, default: [] },
      runs: { type: 'string', default: '5' },
      scale: { type: 'string', default: '1' },
      walled: { type: 'boolean', default: false },
      out: { type: 'string' },
      docs: { type: 'boolean', default: false },
      profile: { type: 'string' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const chosen = scenarios.filter(({ id }) => values.only.length === 0 || values.only.some((name) => isMeant(name, id)))
  return { ...values, runs: Number(values.runs), scale: Number(values.scale), wall: positionals[0] === 'wall', chosen }
}

type Flags = ReturnType<typeof readFlags>

function isMeant(name: string, id: string): boolean {
  return name.endsWith('*') ? id.startsWith(name.slice(0, -1)) : id === name
}

async function measureAll({ chosen, runs, scale, walled, profile }: Flags) {
  const measured: Measured[] = []
  const failures: string[] = []
  const measure = async (scenario: Scenario): Promise<void> => {
    console.error(`${scenario.id}: ${scenario.what}`)
    const profiles = profile === undefined ? {} : { profiles: join(profile, scenario.id) }
    measured.push(await runScenario(scenario, { runs, scale, walled, say: (text) => console.error(text), ...profiles }))
  }
  for (const scenario of chosen)
    await measure(scenario).catch((error: unknown) => {
      failures.push(`${scenario.id}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
    })
  return { measured, failures }
}

async function main(): Promise<number> {
  const flags = readFlags()
  const { chosen, runs, scale, walled } = flags
  if (flags.wall) {
    await import('./wall.ts')
    return 0
  }
  if (flags.help || flags.list || chosen.length === 0 || !(runs >= 1) || !(scale > 0) || (flags.docs && (runs < 5 || scale !== 1))) {
    console.log(flags.list ? chosen.map(({ id, what }) => `${id.padEnd(18)}${what}`).join('\n') : usage)
    return flags.help || flags.list ? 0 : 2
  }
  const loadBefore = loadavg()[0] ?? NaN
  const { measured, failures } = await measureAll(flags)
  const results = toResults(chosen, measured)
  const notes = measured.flatMap((one) => one.notes.map((note) => `${one.id}: ${note}`))
  console.log([toTable(results), ...notes, ...failures].join('\n'))
  if (scale !== 1) console.log(`At scale ${scale}: a trial of the harness, and no figures.`)
  const cores = cpus()
  const machine = { cores: cores.length, processor: cores[0]?.model.trim() ?? 'unknown', node: process.version, 'load before': loadBefore }
  const published = { results, scenarios: chosen, measured, about: { runs, scale, walled, ...machine } }
  if (flags.out !== undefined) await publish(published, flags.out)
  if (flags.docs) {
    const all = await withEarlier(measured, join(docs, 'performance'))
    const known = scenarios.filter(({ id }) => all.some((one) => one.id === id))
    await publish({ ...published, scenarios: known, measured: all, results: toResults(known, all) }, join(docs, 'performance'))
    await insertFigures(join(docs, 'performance.md'), join(docs, 'performance'), 'performance')
  }
  return failures.length > 0 || results.some(({ reached }) => reached === false) ? 1 : 0
}

process.exitCode = await main()
