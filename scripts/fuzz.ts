/**
 * Random requests to a running daemon, made from its own OpenAPI document, and then long runs of the properties:
 * `npm run fuzz [-- --requests 20000 --runs 5000 --seed 1]`. The same seed makes the same requests; `--runs 0` leaves the properties out.
 */
import { spawnSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { runCampaign, type Campaign } from '../test/fuzz/openapi/campaign.ts'
import { openGround } from '../test/fuzz/openapi/ground.ts'

const root = resolve(import.meta.dirname, '..')
const { values } = parseArgs({
  options: { requests: { type: 'string', default: '20000' }, runs: { type: 'string', default: '5000' }, seed: { type: 'string' } },
})
const seed = Number(values.seed ?? Date.now() % 1_000_000_000)
process.stdout.write(`seed ${seed}\n`)

const requests = Number(values.requests)
if (requests > 0 && !(await fuzzRequests())) process.exitCode = 1
if (Number(values.runs) > 0 && !fuzzProperties()) process.exitCode = 1

/** True when every answer was as declared, every operation was reached, and the daemon has nothing to complain about. */
async function fuzzRequests(): Promise<boolean> {
  await using ground = await openGround()
  const { daemon, workspace } = ground
  const began = performance.now()
  const campaign = await runCampaign({ client: daemon.client, workspace, requests, seed })
  const alive = daemon.child.exitCode === null && (await daemon.client.get('/readyz')).status === 200
  const complaints = daemon.stderr().match(/^.*(?:"level":"(?:error|fatal)"|"stack").*$/gm) ?? []
  process.stdout.write(toTable(campaign))
  for (const problem of [...campaign.faults, ...complaints]) process.stdout.write(`\n${problem}\n`)
  const seconds = Math.round((performance.now() - began) / 1_000)
  const { sent, faults, unreached } = campaign
  const reached = unreached.length === 0 ? 'all operations reached' : `never answered well: ${unreached.join(', ')}`
  process.stdout.write(
    `\n${sent} requests in ${seconds} s, ${faults.length} faults, ${reached}, the daemon ${alive ? 'lives' : 'is gone'}\n`,
  )
  return alive && faults.length + complaints.length + unreached.length === 0
}

function toTable({ statuses }: Campaign): string {
  const rows = [...statuses].toSorted(([a], [b]) => a.localeCompare(b))
  return `| operation | answers |\n|---|---|\n${rows.map(([operation, row]) => `| ${operation} | ${toCounts(row)} |\n`).join('')}`
}

function toCounts(row: ReadonlyMap<number, number>): string {
  return [...row]
    .toSorted(([a], [b]) => a - b)
    .map(([status, count]) => `${status}: ${count}`)
    .join(', ')
}

function fuzzProperties(): boolean {
  const { status } = spawnSync(join(root, 'node_modules/.bin/vitest'), ['run', '--config', 'vitest.fuzz.ts'], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, FUZZ_RUNS: values.runs, FUZZ_SEED: String(seed) },
  })
  return status === 0
}
