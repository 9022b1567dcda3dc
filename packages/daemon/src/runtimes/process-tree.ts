import type { ProcessName, ProcessTree } from '../core/process-tree.ts'
import { processMark } from './process.ts'
import { inSlices } from '../core/in-slices.ts'
import { listPids, readEnvironment, readStat } from './process-stat.ts'

export interface TreeOptions {
  /** The process that the daemon has started. */
  readonly root: number
  /** Value of `CODESDKD_PROCESS` in the environment of all that it starts. */
  readonly mark: string
}

interface Found extends ProcessName {
  readonly parent: number
  readonly startTime: string
  readonly marked: boolean
}

/**
 * The processes that descend from this one or carry its mark, wherever they went: a process that gave up both is not found. Null where
 * there is no /proc. Never rejects.
 */
export async function findTree({ root, mark }: TreeOptions): Promise<ProcessTree | null> {
  const pids = await listPids()
  if (pids.length === 0) return null
  const all = (await inSlices(pids, (pid) => look(pid, mark))).flatMap((one) => one ?? [])
  const found = toDescendants(all, root)
  return {
    found: found.map(({ pid, name }) => ({ pid, name })),
    left: async () => (await stillThere(found)).map(({ pid, name }) => ({ pid, name })),
    kill: async () => {
      for (const { pid } of await stillThere(found)) kill(pid)
    },
  }
}

function toDescendants(all: readonly Found[], root: number): readonly Found[] {
  const children = Map.groupBy(all, ({ parent }) => parent)
  const tree = new Set(all.filter(({ pid, marked }) => pid === root || marked))
  // What is added is looked at too: a set is walked in the order of insertion, to its very end.
  for (const { pid } of tree) for (const child of children.get(pid) ?? []) tree.add(child)
  return [...tree].filter(({ pid }) => pid !== process.pid)
}

function look(pid: number, mark: string): Found | null {
  const stat = readStat(pid)
  if (stat === null || stat.state === 'Z') return null
  const marked = readEnvironment(pid).has(`${processMark}=${mark}`)
  return { pid, name: stat.name, parent: stat.parent, startTime: stat.startTime, marked }
}

async function stillThere(found: readonly Found[]): Promise<readonly Found[]> {
  const there = await inSlices(found, (one) => {
    const stat = readStat(one.pid)
    return stat !== null && stat.state !== 'Z' && stat.startTime === one.startTime ? [one] : []
  })
  return there.flat()
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended meanwhile.
  }
}
