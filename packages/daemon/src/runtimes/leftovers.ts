import { readdir, readFile, stat } from 'node:fs/promises'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { processMark } from './process.ts'

/** A process group that a daemon started and did not see end. */
export interface Leftover {
  readonly pid: number
  /** What `startTimeOf` said when it was started. */
  readonly startTime: string
  readonly bootId: string
  readonly mark: string
}

/** When a process started, in the system's own terms; null when there is no such process. With the pid it names a process for good, until the next boot. */
export async function startTimeOf(pid: number): Promise<string | null> {
  if (process.platform !== 'linux') return await psStartTime(pid)
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null)
  // The name in parentheses may hold anything, also spaces and parentheses; the start time is field 22.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null
}

/** Names this boot of the machine; empty where the system does not tell. */
export async function readBootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')).trim()
}

/** Ends what an earlier daemon left running: recorded groups that are provably still the same, and strays that carry their marks. Returns the pids that were ended. */
export async function sweepLeftovers(leftovers: readonly Leftover[]): Promise<readonly number[]> {
  const bootId = await readBootId()
  const ended: number[] = []
  for (const { pid, startTime, bootId: bootedAs, mark } of leftovers) {
    if (bootedAs !== bootId) continue
    if ((await startTimeOf(pid)) === startTime && kill(-pid)) ended.push(pid)
    ended.push(...(await killMarked(mark)))
  }
  return ended
}

/**
 * Kills the processes of this user whose environment carries the mark, or a mark below it (`mark/…`). Repeats until none is left,
 * since they may fork meanwhile; gives up after a few rounds. Does nothing where the system shows no environments.
 */
export async function killMarked(mark: string): Promise<readonly number[]> {
  const ended = new Set<number>()
  for (let round = 0; round < 5; round += 1) {
    const found = await findMarked(mark)
    if (found.length === 0) break
    for (const pid of found) if (kill(pid)) ended.add(pid)
  }
  return [...ended]
}

async function findMarked(mark: string): Promise<readonly number[]> {
  const names = await readdir('/proc').catch(() => [])
  const pids = names.filter((name) => /^[1-9][0-9]*$/.test(name)).map(Number)
  const marked = await Promise.all(pids.map(async (pid) => ((await carries(pid, mark)) ? [pid] : [])))
  return marked.flat()
}

async function carries(pid: number, mark: string): Promise<boolean> {
  const directory = `/proc/${pid}`
  try {
    if (pid === process.pid || (await stat(directory)).uid !== process.getuid?.()) return false
    const environment = `\0${await readFile(`${directory}/environ`, 'latin1')}`
    return environment.includes(`\0${processMark}=${mark}\0`) || environment.includes(`\0${processMark}=${mark}/`)
  } catch {
    // It ended meanwhile, or is not ours to look at.
    return false
  }
}

function kill(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL')
  } catch {
    return false
  }
}

async function psStartTime(pid: number): Promise<string | null> {
  const found = await promisify(execFile)('ps', ['-o', 'lstart=', '-p', String(pid)]).catch(() => null)
  return found?.stdout.trim() || null
}
