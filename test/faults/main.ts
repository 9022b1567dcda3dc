import { writeFileSync } from 'node:fs'
import { inspect, parseArgs } from 'node:util'
import { faults } from './faults.ts'
import { toMarkdown, toTable } from './report.ts'
import { runFault, type Finding } from './run-fault.ts'

/** `npm run faults -- [--only F12,F05] [--rounds 1000] [--seed 1] [--short] [--markdown file]`: exit code 1 when a promise was broken. */
const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    rounds: { type: 'string' },
    seed: { type: 'string', default: String(1 + Math.floor(Math.random() * 1_000_000)) },
    short: { type: 'boolean', default: false },
    markdown: { type: 'string' },
  },
})
const wanted = values.only?.split(',') ?? null
const chosen = faults.filter(({ id }) => wanted === null || wanted.includes(id))
if (chosen.length === 0) throw new Error(`there is no fault ${values.only}; there are ${faults.map(({ id }) => id).join(' ')}`)
const extent = {
  seed: Number(values.seed),
  long: !values.short,
  rounds: values.rounds === undefined ? undefined : Number(values.rounds),
}

const findings: Finding[] = []
for (const fault of chosen) {
  findings.push(
    await runFault(fault, {
      ...extent,
      report: ({ round, error }) => process.stderr.write(`${fault.id}, seed ${extent.seed}, round ${round}: ${inspect(error)}\n`),
    }),
  )
  process.stderr.write(`${toTable(findings.slice(-1))}\n`)
}
process.stdout.write(`${toTable(findings)}\n`)
if (values.markdown !== undefined) writeFileSync(values.markdown, toMarkdown(findings))
process.exit(findings.some(({ violations }) => violations.length > 0) ? 1 : 0)
