import { readdir, readFile, readlink } from 'node:fs/promises'

export interface LiveProcess {
  readonly pid: number
  readonly parent: number
  readonly args: readonly string[]
  /** `NAME=value`, as it was when the program started. */
  readonly environment: readonly string[]
}

/** Processes that work in this folder or were told of it, by argument or environment; not this one. Linux alone tells. */
export async function processesOf(folder: string): Promise<readonly LiveProcess[]> {
  const names = await readdir('/proc')
  const pids = names
    .filter((name) => /^[1-9][0-9]*$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid)
  const found = await Promise.all(pids.map((pid) => readProcess(pid, folder)))
  return found.flatMap((one) => (one === null ? [] : [one]))
}

async function readProcess(pid: number, folder: string): Promise<LiveProcess | null> {
  const of = (file: string) => readFile(`/proc/${pid}/${file}`, 'latin1').catch(() => '')
  const [command, environment, cwd] = await Promise.all([of('cmdline'), of('environ'), readlink(`/proc/${pid}/cwd`).catch(() => '')])
  if (![command, environment, cwd].some((text) => text.includes(folder))) return null
  // What has ended and was not reaped yet has no command line.
  if (command === '') return null
  const stat = await of('stat')
  const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  return { pid, parent, args: command.split('\0').slice(0, -1), environment: environment.split('\0') }
}
