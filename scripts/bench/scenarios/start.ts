import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { packDaemon } from '../packed.ts'
import type { Scenario, Stage } from '../scenario.ts'
import { toSpread } from '../statistics.ts'

const hello = `import { createServer } from 'node:http'
const server = createServer((request, response) => response.end('hello')).listen(0, '127.0.0.1', () => {
  console.log(JSON.stringify({ url: 'http://127.0.0.1:' + server.address().port }))
})
`
const starts = 10

/** Milliseconds from spawn to the ready line: the median of several starts, after one that fills the caches. */
async function timeStarts(args: readonly string[]): Promise<number> {
  const times: number[] = []
  for (let start = 0; start <= starts; start += 1) {
    const begun = performance.now()
    const child = spawn(process.execPath, [...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, XDG_CONFIG_HOME: '/nonexistent' },
    })
    const exited = once(child, 'exit')
    const line = await Promise.race([once(createInterface({ input: child.stdout }), 'line'), exited.then(() => null)])
    if (line === null) throw new Error(`${args.join(' ')} ended with ${String(child.exitCode)}`)
    times.push(performance.now() - begun)
    child.kill('SIGTERM')
    await exited
  }
  return toSpread(times.slice(1)).median
}

async function timeSide(stage: Stage, side: string): Promise<number> {
  const folder = await stage.folder()
  if (side === 'daemon')
    return await timeStarts([await packDaemon(folder), '--data-dir', join(await stage.folder(), 'data'), '--log-level', 'error'])
  const file = join(folder, 'hello.mjs')
  await writeFile(file, hello)
  return await timeStarts([file])
}

export const startScenarios: readonly Scenario[] = [
  {
    id: 'start',
    what: 'spawn to ready line of the packed daemon, against a bare node:http hello',
    sides: ['daemon', 'hello'],
    rows: [{ figure: 'ready', what: 'time', of: 'ratio', unit: 'ms', atMost: 2 }],
    run: async (stage, side) => ({ ready: await timeSide(stage, side) }),
  },
]
