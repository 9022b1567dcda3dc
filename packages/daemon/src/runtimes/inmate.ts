import { setTimeout as delay } from 'node:timers/promises'
import { findProgram, readStat } from './process-stat.ts'

/** The first process inside of a sandbox, told apart from a later one that has its number. */
export interface Inmate {
  readonly pid: number
  readonly startTime: string
}

/** The inmate of the sandbox that this process has set up; null where there is none, or not yet. Never rejects. */
export async function findInmate(pid: number): Promise<Inmate | null> {
  const first = await findProgram(pid, 1)
  const found = first === null ? null : readStat(first)
  return first === null || found === null ? null : { pid: first, startTime: found.startTime }
}

/**
 * Resolves when nothing in the sandbox runs any more: the kernel ends everything in a process namespace before the first of it.
 * Gives up after some seconds.
 */
export async function untilEmpty({ pid, startTime }: Inmate): Promise<void> {
  for (let round = 0; round < 250; round += 1) {
    const found = readStat(pid)
    if (found === null || found.state === 'Z' || found.startTime !== startTime) return
    await delay(20)
  }
}
