import { accessSync, constants, lstatSync, readFileSync, readdirSync } from 'node:fs'
import type { Dirent } from 'node:fs'
import * as path from 'node:path'
import { sameDirectory, type MountPoint } from './mount-points.ts'
import { followPath, statsOf } from './real-path.ts'
import { isWithin } from './within.ts'

/** What git keeps about a place, as far as it has to be treated apart. Real paths. */
export interface GitMetadata {
  /** Stores of a linked worktree or a submodule that lie elsewhere and belong to it. */
  readonly writable: readonly string[]
  /** What makes git run programs: it must not be written. */
  readonly fixed: readonly string[]
  /** The same, where there is nothing yet: what git takes as if there were nothing has to stand there. */
  readonly absent: readonly MountPoint[]
}

interface Findings {
  readonly writable: string[]
  readonly fixed: string[]
  readonly absent: MountPoint[]
  /** Stores that were looked into. */
  readonly seen: Set<string>
}

interface Surroundings {
  readonly home: string
  /** Where relative paths of the configuration begin. */
  readonly worktree: string
  /** The directory that the search began with: beyond it nothing is made. */
  readonly directory: string
}

const maxEntries = 500
const maxDepth = 6
const maxFileBytes = 1024 * 1024

/**
 * Finds the repository whose work tree the directory is, those of its children, and what in them must not be written. A `.git` file is
 * believed only when the store that it names points back to it, since an agent can write one that names any directory; and never
 * into one of `hidden`. Nothing of it keeps an agent from making new repositories, or from replacing HEAD: git must be able to.
 */
export function findGitMetadata(
  directory: string,
  { home, hidden }: { readonly home: string; readonly hidden: readonly string[] },
): GitMetadata {
  const found: Findings = { writable: [], fixed: [], absent: [], seen: new Set() }
  inspect(directory, { home, worktree: directory, directory }, found)
  const linked = followGitFile(directory).filter((store) => !hidden.some((place) => isWithin(store, place)))
  for (const store of linked) {
    found.writable.push(store)
    fix(store, { home, worktree: directory, directory: store }, found)
  }
  for (const child of entries(directory))
    if (child.isDirectory())
      inspect(path.join(directory, child.name), { home, worktree: path.join(directory, child.name), directory }, found)
  const { writable, fixed, absent } = found
  return { writable, fixed, absent }
}

function inspect(worktree: string, about: Surroundings, found: Findings): void {
  const git = path.join(worktree, '.git')
  const stats = statsOf(git)
  if (stats?.isDirectory() === true) fix(git, about, found)
  // Another content would lead git to another store.
  else if (stats?.isFile() === true) found.fixed.push(git)
}

function fix(store: string, about: Surroundings, found: Findings, depth = 0): void {
  if (found.seen.has(store)) return
  found.seen.add(store)
  if (depth > maxDepth) {
    found.fixed.push(store)
    return
  }
  const common = commonStore(store)
  for (const [name, content] of common === null ? storeNames : worktreeNames) {
    const place = path.join(store, name)
    const stats = statsOf(place)
    // What is a link can be replaced by another one, whatever is mounted where it leads.
    if (stats?.isSymbolicLink() === true) found.fixed.push(store)
    else if (stats !== undefined) found.fixed.push(place)
    else if (isWritable(store) && (name !== 'commondir' || mayHaveCommonStore(store))) found.absent.push({ path: place, content })
  }
  found.fixed.push(...namedByConfig(store, about))
  if (common !== null && isWithin(common, about.directory)) fix(common, about, found, depth + 1)
  for (const child of entries(path.join(store, 'worktrees')))
    if (child.isDirectory()) fix(path.join(store, 'worktrees', child.name), about, found, depth + 1)
  fixModules(path.join(store, 'modules'), about, found, depth + 1)
}

const storeNames = [
  ['commondir', sameDirectory],
  ['hooks', null],
  ['config', ''],
  ['config.worktree', ''],
] as const
/** `commondir` says where hooks and configuration are. */
const worktreeNames = [
  ['commondir', ''],
  ['gitdir', ''],
  ['config.worktree', ''],
] as const

/** Where a linked worktree has its configuration and hooks; null for a store of its own, and where nothing is found. */
function commonStore(store: string): string | null {
  const common = realOf(store, readText(path.join(store, 'commondir')).trim() || undefined)
  return common === store ? null : common
}

/**
 * Git takes a store with a `commondir` for a linked worktree: `core.worktree` (which counts where no `.git` file leads there) and
 * `core.bare` mean nothing to it then, and with reftables it would lock one file twice.
 */
function mayHaveCommonStore(store: string): boolean {
  const settings = ['config', 'config.worktree'].map((name) => readText(path.join(store, name))).join('\n')
  const led = path.basename(store) === '.git' && workTree(settings) !== undefined
  return !led && !/(?:^|\])[ \t]*(?:refstorage[ \t]*=|bare[ \t]*(?:$|=[ \t]*"?(?:true|yes|on|1)))/im.test(settings)
}

/** The name of a submodule may have slashes. */
function fixModules(directory: string, about: Surroundings, found: Findings, depth: number): void {
  for (const child of entries(directory)) {
    if (!child.isDirectory()) continue
    const module = path.join(directory, child.name)
    if (isFile(path.join(module, 'HEAD'))) fix(module, about, found, depth)
    else if (depth < maxDepth) fixModules(module, about, found, depth + 1)
  }
}

/** Files that the configuration includes and directories of hooks that it names. Told too much rather than too little: it is a guard. */
function namedByConfig(store: string, { home, worktree }: Surroundings): readonly string[] {
  const named: string[] = []
  for (const file of ['config', 'config.worktree'])
    for (const [, key, value = ''] of readText(path.join(store, file)).matchAll(/\b(hookspath|path)\s*=\s*"?([^"\n#;]+)/gi)) {
      const base = key?.toLowerCase() === 'path' ? store : worktree
      const real = followPath(path.resolve(base, value.trim().replace(/^~(?=\/)/, home)))?.real
      if (real !== undefined && real !== worktree) named.push(real)
    }
  return named
}

/** The stores that a `.git` file leads to, if they are provably this directory's own. */
function followGitFile(directory: string): readonly string[] {
  const git = path.join(directory, '.git')
  if (!isFile(git)) return []
  const store = realOf(directory, /^gitdir: (.+)/.exec(readText(git))?.[1])
  if (store === null || !isStorePart(store)) return []
  const common = commonStore(store)
  if (common === null) {
    const named = workTree(readText(path.join(store, 'config')))
    return isStore(store) && realOf(store, named) === directory ? [store] : []
  }
  // The store of a worktree has its fixed place in the common one: a forged one elsewhere could name any repository as its own.
  const own = path.dirname(store) === path.join(common, 'worktrees') && isStore(common)
  return own && realOf(store, readText(path.join(store, 'gitdir')).trim() || undefined) === git ? [common, store] : []
}

function workTree(settings: string): string | undefined {
  return /(?:^|\])[ \t]*worktree[ \t]*=[ \t]*"?([^"\n]+)/im.exec(settings)?.[1]?.trim()
}

function realOf(base: string, named: string | undefined): string | null {
  return named === undefined ? null : (followPath(path.resolve(base, named))?.real ?? null)
}

function isStorePart(directory: string): boolean {
  const stats = statsOf(directory)
  return stats?.isDirectory() === true && stats.uid === process.geteuid?.() && isFile(path.join(directory, 'HEAD'))
}

function isStore(directory: string): boolean {
  return isStorePart(directory) && ['objects', 'refs'].every((name) => statsOf(path.join(directory, name))?.isDirectory())
}

function isFile(file: string): boolean {
  return statsOf(file)?.isFile() === true
}

function isWritable(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK)
    return true
  } catch {
    return false
  }
}

function entries(directory: string): readonly Dirent[] {
  try {
    if (!lstatSync(directory).isDirectory()) return []
    return readdirSync(directory, { withFileTypes: true }).slice(0, maxEntries)
  } catch {
    return []
  }
}

/** Empty for what is no ordinary file of a usual size: an agent may have left a pipe there. */
function readText(file: string): string {
  try {
    const stats = lstatSync(file)
    return stats.isFile() && stats.size <= maxFileBytes ? readFileSync(file, 'utf8') : ''
  } catch {
    return ''
  }
}
