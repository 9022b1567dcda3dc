/** Records what the real agents say, all of them or those that are named (`npm run fixtures -- claude`), and what the mappers make of it. */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..')
const fixtures = join(root, 'test/fixtures')
const named = process.argv.slice(2)
const agents = readdirSync(fixtures).filter(
  (name) => existsSync(join(fixtures, name, 'record.ts')) && (named.length === 0 || named.includes(name)),
)
const unknown = named.filter((name) => !agents.includes(name))
if (unknown.length > 0) throw new Error(`there is nothing to record of: ${unknown.join(', ')}`)

for (const agent of agents) run(process.execPath, [join(fixtures, agent, 'record.ts')])
run(join(root, 'node_modules/.bin/vitest'), [
  'run',
  ...agents.map((agent) => `packages/daemon/src/runtimes/${agent}/map.test.ts`),
  '--testNamePattern',
  'recording',
  '--update',
])

function run(command: string, args: readonly string[]): void {
  const { status } = spawnSync(command, args, { stdio: 'inherit', cwd: root })
  if (status !== 0) process.exit(status ?? 1)
}
