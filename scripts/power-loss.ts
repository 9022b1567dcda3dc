import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'

/** Power cuts at length: `npm run power-loss -- --images 20000 --seed 7`; `--rounds` is how much is recorded. */
const { values } = parseArgs({
  options: {
    images: { type: 'string', default: '5000' },
    rounds: { type: 'string', default: '3' },
    seed: { type: 'string', default: '1' },
  },
})
const env = { POWER_LOSS_IMAGES: values.images, POWER_LOSS_ROUNDS: values.rounds, POWER_LOSS_SEED: values.seed }
const args = ['vitest', 'run', 'test/power-loss', '--disable-console-intercept']
process.exitCode = spawnSync('npx', args, { stdio: 'inherit', env: { ...process.env, ...env } }).status ?? 1
