import { readdir } from 'node:fs/promises'
import { join } from 'node:path'

/** Where git would find a repository below a directory. Absolute paths, those near the top first. */
export interface Repositories {
  /** Directories with something named `.git`; the directory itself is not among them. */
  readonly worktrees: readonly string[]
  /** Directories that are a store themselves: `HEAD`, `objects` and `refs`. The directory itself may be one. */
  readonly stores: readonly string[]
  /** False when there were more directories than are looked into. */
  readonly complete: boolean
}

const DIRECTORY_LIMIT = 2000
const REPOSITORY_LIMIT = 300
const DEPTH_LIMIT = 12
const AT_ONCE = 16

/** What package managers and compilers fill: looked into last. */
const bulky: ReadonlySet<string> = new Set(['node_modules', 'vendor', 'target', 'build', 'dist', 'venv', '.venv', '.cache', '__pycache__'])

interface Ahead {
  readonly path: string
  readonly depth: number
}

/** Looks for repositories, breadth first and within bounds. Follows no links and looks into no store. Never rejects. */
export async function findRepositories(root: string): Promise<Repositories> {
  const worktrees: string[] = []
  const stores: string[] = []
  let [ahead, last]: [Ahead[], Ahead[]] = [[{ path: root, depth: 0 }], []]
  let complete = true
  for (let room = DIRECTORY_LIMIT; room > 0 && ahead.length + last.length > 0;) {
    if (ahead.length === 0) [ahead, last] = [last, []]
    const taken = ahead.splice(0, Math.min(AT_ONCE, room))
    room -= taken.length
    const looks = await Promise.all(taken.map(({ path }) => lookInto(path)))
    for (const [index, { worktree, store, children }] of looks.entries()) {
      const { path, depth } = taken[index] ?? { path: root, depth: 0 }
      if (worktree && depth > 0) worktrees.push(path)
      if (store) stores.push(path)
      if (depth === DEPTH_LIMIT) complete &&= children.length === 0
      else for (const name of children) (bulky.has(name) ? last : ahead).push({ path: join(path, name), depth: depth + 1 })
    }
  }
  complete &&= ahead.length + last.length === 0 && worktrees.length + stores.length <= REPOSITORY_LIMIT
  return { worktrees: worktrees.slice(0, REPOSITORY_LIMIT), stores: stores.slice(0, REPOSITORY_LIMIT), complete }
}

interface Look {
  readonly worktree: boolean
  readonly store: boolean
  readonly children: readonly string[]
}

async function lookInto(directory: string): Promise<Look> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => [])
  // Some file systems take capital letters for small ones.
  const names = new Set(entries.map(({ name }) => name.toLowerCase()))
  const store = ['head', 'objects', 'refs'].every((name) => names.has(name))
  const isOwn = (name: string) => name.toLowerCase() === '.git' || (store && storeDirectories.has(name.toLowerCase()))
  const children = entries.filter((entry) => entry.isDirectory() && !isOwn(entry.name)).map(({ name }) => name)
  return { worktree: names.has('.git'), store, children: children.toSorted() }
}

/** Large, and full of what is no repository. */
const storeDirectories: ReadonlySet<string> = new Set(['objects', 'refs', 'logs'])
