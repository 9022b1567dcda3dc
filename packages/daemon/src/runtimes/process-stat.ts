import { readFileSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'

/** What Linux tells of a process in /proc. */
export interface ProcessStat {
  /** One letter; `Z` for one that has ended and of which nobody has taken note yet. */
  readonly state: string
  /** What it calls itself, without control characters. */
  readonly name: string
  readonly parent: number
  readonly group: number
  /** Ticks since the boot, in decimal: with the pid it names a process for as long as the machine runs. */
  readonly startTime: string
}

/** Null for one that is not there, and where there is no /proc. Never throws. */
export function readStat(pid: number): ProcessStat | null {
  const line = readLine(`/proc/${pid}/stat`)
  // The second field is the name in parentheses, with whatever characters the process likes; then state, parent, group ….
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ')
  const [state = '', parent, group] = fields
  const name = line.slice(line.indexOf('(') + 1, line.lastIndexOf(')')).replaceAll(/[^\x20-\x7e]/g, '?')
  const startTime = fields[19]
  return startTime === undefined ? null : { state, name, parent: Number(parent), group: Number(group), startTime }
}

/** All that run; none where there is no /proc. Never rejects. */
export async function listPids(): Promise<readonly number[]> {
  const names = await readdir('/proc').catch(() => [])
  return names.filter((name) => /^[1-9][0-9]*$/.test(name)).map(Number)
}

/** The `name=value` with which a process was started; empty for one that has ended, and for one of another user. Never throws. */
export function readEnvironment(pid: number): ReadonlySet<string> {
  return new Set(readLine(`/proc/${pid}/environ`).split('\0'))
}

/**
 * At once: that takes a fifth of what it takes to have another thread do it. No file system can keep it waiting: of all this the kernel
 * reads only what lies in memory.
 */
function readLine(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

/** The program that runs behind so many others, each the first child of the one before it; null where the system does not tell. */
export async function findProgram(pid: number, depth: number): Promise<number | null> {
  if (depth === 0) return pid
  const line = await readFile(`/proc/${pid}/task/${pid}/children`, 'latin1').catch(() => '')
  // Orphans that were handed to it come later.
  const [first = ''] = line.split(' ')
  return first === '' ? null : await findProgram(Number(first), depth - 1)
}
