import { readdir, readFile } from 'node:fs/promises'
import { processesOf } from '../../conformance/processes.ts'

interface Tree {
  /** What the daemon itself has started. */
  readonly roots: readonly number[]
  readonly all: readonly number[]
}

/** The processes that a daemon has started for the agent that was told of this workspace, and all that come of them. */
export async function treeOf(daemon: number, workspace: string): Promise<Tree> {
  const known = await processesOf(workspace)
  const begun = new Set(
    await withoutCopies(
      daemon,
      known.map(({ pid }) => pid),
    ),
  )
  const roots = known.filter(({ pid, parent }) => parent === daemon && begun.has(pid)).map(({ pid }) => pid)
  return { roots, all: [...(await withBelow(begun))] }
}

/** All that a daemon has started, and all that come of them. */
export async function descendantsOf(daemon: number): Promise<readonly number[]> {
  return withoutCopies(daemon, await withBelow([daemon]))
}

async function withBelow(pids: Iterable<number>): Promise<ReadonlySet<number>> {
  const parents = await readParents()
  const all = new Set(pids)
  for (const one of all) for (const [child, parent] of parents) if (parent === one) all.add(child)
  return all
}

/** For a moment a new process is still a copy of the daemon that made it, with all that it knows. */
async function withoutCopies(daemon: number, pids: Iterable<number>): Promise<readonly number[]> {
  const original = await readCommand(daemon)
  const commands = await Promise.all([...pids].map(async (pid) => ({ pid, command: await readCommand(pid) })))
  return commands.flatMap(({ pid, command }) => (command === original ? [] : [pid]))
}

function readCommand(pid: number): Promise<string> {
  return readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '')
}

async function readParents(): Promise<ReadonlyMap<number, number>> {
  const pids = (await readdir('/proc')).filter((name) => /^[1-9][0-9]*$/.test(name))
  const pairs = pids.map(async (pid) => {
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '')
    return [Number(pid), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])] as const
  })
  return new Map(await Promise.all(pairs))
}
