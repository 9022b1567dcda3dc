import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'

/** The model-based test at length: `npm run model -- --runs 500 --seed 7`; `--path` repeats what a failure names, `--trace` tells every step. */
const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '200' },
    length: { type: 'string', default: '60' },
    seed: { type: 'string' },
    path: { type: 'string' },
    trace: { type: 'boolean' },
  },
})
const given = {
  RUNS: values.runs,
  LENGTH: values.length,
  SEED: values.seed,
  PATH: values.path,
  TRACE: values.trace === true ? '1' : undefined,
}
const env = Object.fromEntries(Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [[`MODEL_${name}`, value]])))
const args = ['vitest', 'run', 'test/model/model.test.ts', '--disable-console-intercept']
process.exitCode = spawnSync('npx', args, { stdio: 'inherit', env: { ...process.env, ...env } }).status ?? 1
