import { parseArgs } from 'node:util'
import type { Fault } from './fault.ts'
import { faults } from './faults.ts'
import { createRandom } from './random.ts'

/** `node test/faults/storage/run.ts [--only F30,F31] [--seed 1] [--rounds 10] [--short]`: the table of faults; exit 1 on a violation. */
const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    seed: { type: 'string', default: '1' },
    rounds: { type: 'string' },
    short: { type: 'boolean', default: false },
  },
})
const wanted = values.only?.split(',')
const write = (line: string) => void process.stdout.write(`${line}\n`)

interface Row {
  readonly rounds: number
  readonly violations: number
  readonly worstSeconds: number
}

async function runFault(fault: Fault, seed: number): Promise<Row> {
  const usual = values.short ? fault.rounds.short : fault.rounds.long
  const rounds = Math.max(1, Number(values.rounds ?? usual))
  let violations = 0
  let worst = 0
  for (let index = 0; index < rounds; index++) {
    const figures: string[] = []
    const begun = performance.now()
    try {
      await fault.run({
        random: createRandom(seed + index),
        long: !values.short,
        figure: (name, value) => figures.push(`${name}: ${value}`),
      })
    } catch (error) {
      violations += 1
      write(`  ${fault.id}, seed ${seed + index}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
    }
    worst = Math.max(worst, performance.now() - begun)
    if (figures.length > 0) write(`  ${fault.id}, seed ${seed + index}: ${figures.join('; ')}`)
  }
  return { rounds, violations, worstSeconds: worst / 1000 }
}

write('| fault | what is done | rounds | violations | worst time | seed |\n|---|---|---|---|---|---|')
for (const fault of faults) {
  if (wanted !== undefined && !wanted.includes(fault.id)) continue
  const { rounds, violations, worstSeconds } = await runFault(fault, Number(values.seed))
  if (violations > 0) process.exitCode = 1
  write(`| ${fault.id} | ${fault.name} | ${rounds} | ${violations} | ${worstSeconds.toFixed(1)} s | ${values.seed} |`)
}
