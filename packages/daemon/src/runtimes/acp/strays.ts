import { readFile } from 'node:fs/promises'
import { inSlices } from '../../core/in-slices.ts'
import { listPids, readEnvironment, readStat } from '../process-stat.ts'
import { processMark } from '../process.ts'

/** Which processes of an agent count as commands of a turn. */
export interface Strays {
  /** Value of `CODESDKD_PROCESS` in their environment. */
  readonly mark: string
  /** Process groups that are left alone: the agent's own, and those of what stands around it. */
  readonly groups: ReadonlySet<number>
  /** Ticks since the boot, as `readTicks` tells them. */
  readonly since: number
}

/** Ticks of the kernel in a second, as /proc counts them for programs. */
const ticksPerSecond = 100

/** Now, in the unit in which /proc tells the start of a process; infinite where there is no /proc. */
export async function readTicks(): Promise<number> {
  const uptime = Number.parseFloat(await readFile('/proc/uptime', 'utf8').catch(() => ''))
  return Number.isNaN(uptime) ? Infinity : Math.floor(uptime * ticksPerSecond)
}

/**
 * Kills what an agent started since then in process groups of its own, and resolves when none is found any more; gives up after
 * a few rounds. Agents start commands in groups of their own, while servers and helpers stay in the agent's.
 */
export async function killStrays(strays: Strays): Promise<void> {
  for (let round = 0; round < 5; round += 1) {
    const found = await findStrays(strays)
    if (found.length === 0) return
    for (const pid of found) kill(pid)
  }
}

async function findStrays(strays: Strays): Promise<readonly number[]> {
  const found = await inSlices(await listPids(), (pid) => (isStray(pid, strays) ? [pid] : []))
  return found.flat()
}

function isStray(pid: number, { mark, groups, since }: Strays): boolean {
  if (pid === process.pid) return false
  const stat = readStat(pid)
  if (stat === null || stat.state === 'Z' || groups.has(stat.group) || Number(stat.startTime) < since) return false
  return readEnvironment(pid).has(`${processMark}=${mark}`)
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended meanwhile.
  }
}
