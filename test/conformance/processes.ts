import { readdir, readFile, readlink } from 'node:fs/promises'
import { basename } from 'node:path'

export interface LiveProcess {
  readonly pid: number
  /** Its number as it knows it itself: another one behind a wall. */
  readonly ownPid: number
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
  const [stat, status] = await Promise.all([of('stat'), of('status')])
  const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  const ownPid = Number(/^NSpid:.*?(\d+)$/m.exec(status)?.[1] ?? pid)
  return { pid, ownPid, parent, args: command.split('\0').slice(0, -1), environment: environment.split('\0') }
}

/** Of these processes the agents that a daemon started: the programs themselves, not what is around them. */
export function agentsOf(all: readonly LiveProcess[], daemon: number): readonly LiveProcess[] {
  const childrenOf = (parent: number) => all.filter((one) => one.parent === parent)
  // A wall is two processes; the program is the first child of the inner one, and orphans come to it later.
  const isWall = ({ args: [program = ''] }: LiveProcess) => basename(program) === 'bwrap'
  return childrenOf(daemon).flatMap((one) =>
    isWall(one)
      ? childrenOf(one.pid).flatMap(({ pid }) =>
          childrenOf(pid)
            .toSorted((a, b) => a.pid - b.pid)
            .slice(0, 1),
        )
      : [one],
  )
}
