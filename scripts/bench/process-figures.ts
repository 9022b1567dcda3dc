import { readFileSync, readdirSync, writeFileSync } from 'node:fs'

/** Seconds of processor time that the threads of a process have used so far, to the nanosecond; those of a thread that has ended are lost. */
export function cpuSeconds(pid: number): number {
  const times = readdirSync(`/proc/${pid}/task`).map((thread) => {
    const [nanoseconds = ''] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')
    return Number(nanoseconds) / 1e9
  })
  return times.reduce((sum, time) => sum + time, 0)
}

/** Megabytes that a process has in memory: now, and at most since its start or the last `forgetPeak`. */
export function residentMegabytes(pid: number): { readonly now: number; readonly peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const read = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? NaN) / 1024
  return { now: read('VmRSS'), peak: read('VmHWM') }
}

/** What counts as the most from now on is what there is now. */
export function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
}
