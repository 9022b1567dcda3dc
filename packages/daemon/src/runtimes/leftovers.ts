import { statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { inSlices } from '../core/in-slices.ts'
import { listPids, readEnvironment, readStat } from './process-stat.ts'
import { processMark } from './process.ts'

/** A process group that an earlier daemon started and did not see end. */
export interface Leftover {
  readonly pid: number
  /** Field 22 of /proc/<pid>/stat when it was started. */
  readonly startTime: string
  readonly bootId: string
  /** Value of `CODESDKD_PROCESS` in its environment. */
  readonly mark: string
}

/**
 * Ends what an earlier daemon left running: recorded groups that are provably still the same, and strays that carry their
 * marks. Never by name, never by a bare pid. Returns the pids that were ended. Does nothing where there is no /proc.
 */
export async function sweepLeftovers(leftovers: readonly Leftover[]): Promise<readonly number[]> {
  const bootId = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')).trim()
  const ended: number[] = []
  for (const leftover of leftovers) {
    if (leftover.bootId !== bootId) continue
    const found = readStat(leftover.pid)
    if (found?.state !== 'Z' && found?.startTime === leftover.startTime && kill(-leftover.pid)) ended.push(leftover.pid)
    ended.push(...(await killMarked(processMark, leftover.mark)))
  }
  return ended
}

/**
 * Kills the processes of this user that have `name=value`, and all of `also`, in their environment, and resolves when none is
 * found any more; gives up after a few rounds with what forks faster. Returns the pids that were killed.
 */
export async function killMarked(name: string, value: string, also: Readonly<Record<string, string>> = {}): Promise<readonly number[]> {
  const entries = Object.entries({ ...also, [name]: value }).map(([key, one]) => `${key}=${one}`)
  const ended = new Set<number>()
  for (let round = 0; round < 25; round += 1) {
    const found = await findMarked(entries)
    if (found.length === 0) break
    for (const pid of found) if (kill(pid)) ended.add(pid)
    // What is killed dies a moment later, on a busy machine more than one.
    await delay(20)
  }
  return [...ended]
}

async function findMarked(entries: readonly string[]): Promise<readonly number[]> {
  const found = await inSlices(await listPids(), (pid) => (carries(pid, entries) ? [pid] : []))
  return found.flat()
}

function carries(pid: number, entries: readonly string[]): boolean {
  if (pid === process.pid || statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid !== process.getuid?.()) return false
  const environment = readEnvironment(pid)
  return entries.every((entry) => environment.has(entry))
}

function kill(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL')
  } catch {
    return false
  }
}
