import { accessSync, constants, lstatSync, readFileSync, readdirSync } from 'node:fs'
import type { Dirent } from 'node:fs'
import * as path from 'node:path'
import { followPath, statsOf } from './real-path.ts'
import { isWithin } from './within.ts'

/** What git keeps about a place, as far as it has to be treated apart. Real paths. */
export interface GitMetadata {
  /** Stores of a linked worktree or a submodule that lie elsewhere and belong to it. */
  readonly writable: readonly string[]
  /** What makes git run programs: it must not be written. */
  readonly fixed: readonly string[]
  /** The same, where there is nothing yet: nothing must appear there. */
  readonly absent: readonly { readonly path: string; readonly kind: 'file' | 'directory' }[]
}

interface Findings {
  readonly writable: string[]
  readonly fixed: string[]
  readonly absent: { path: string; kind: 'file' | 'directory' }[]
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
  const found: Findings = { writable: [], fixed: [], absent: [] }
  inspect(directory, home, found)
  const linked = followGitFile(directory).filter((store) => !hidden.some((place) => isWithin(store, place)))
  for (const store of linked) {
    found.writable.push(store)
    fix(store, { home, worktree: directory }, found)
  }
  for (const child of entries(directory)) if (child.isDirectory()) inspect(path.join(directory, child.name), home, found)
  return found
}

function inspect(worktree: string, home: string, found: Findings): void {
  const git = path.join(worktree, '.git')
  const stats = statsOf(git)
  if (stats?.isDirectory() === true) fix(git, { home, worktree }, found)
  // Another content would lead git to another store.
  else if (stats?.isFile() === true) found.fixed.push(git)
}

function fix(store: string, about: { readonly home: string; readonly worktree: string }, found: Findings, depth = 0): void {
  if (depth > maxDepth) {
    found.fixed.push(store)
    return
  }
  const linked = isFile(path.join(store, 'commondir'))
  for (const [name, kind] of linked ? worktreeNames : storeNames) {
    const place = path.join(store, name)
    const stats = statsOf(place)
    // What is a link can be replaced by another one, whatever is mounted where it leads.
    if (stats?.isSymbolicLink() === true) found.fixed.push(store)
    else if (stats !== undefined) found.fixed.push(place)
    else if (isWritable(store)) found.absent.push({ path: place, kind })
  }
  found.fixed.push(...namedByConfig(store, about))
  for (const child of entries(path.join(store, 'worktrees')))
    if (child.isDirectory()) fix(path.join(store, 'worktrees', child.name), about, found, depth + 1)
  fixModules(path.join(store, 'modules'), about, found, depth + 1)
}

const storeNames = [
  ['hooks', 'directory'],
  ['config', 'file'],
  ['config.worktree', 'file'],
] as const
/** `commondir` says where hooks and configuration are. */
const worktreeNames = [
  ['commondir', 'file'],
  ['gitdir', 'file'],
  ['config.worktree', 'file'],
] as const

/** The name of a submodule may have slashes. */
function fixModules(directory: string, about: { readonly home: string; readonly worktree: string }, found: Findings, depth: number): void {
  for (const child of entries(directory)) {
    if (!child.isDirectory()) continue
    const module = path.join(directory, child.name)
    if (isFile(path.join(module, 'HEAD'))) fix(module, about, found, depth)
    else if (depth < maxDepth) fixModules(module, about, found, depth + 1)
  }
}

/** Files that the configuration includes and directories of hooks that it names. Told too much rather than too little: it is a guard. */
function namedByConfig(store: string, { home, worktree }: { readonly home: string; readonly worktree: string }): readonly string[] {
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
  const common = realOf(store, readText(path.join(store, 'commondir')).trim() || undefined)
  if (common === null) return isStore(store) && realOf(store, workTree(store)) === directory ? [store] : []
  // The store of a worktree has its fixed place in the common one: a forged one elsewhere could name any repository as its own.
  const own = path.dirname(store) === path.join(common, 'worktrees') && isStore(common)
  return own && realOf(store, readText(path.join(store, 'gitdir')).trim() || undefined) === git ? [common, store] : []
}

function workTree(store: string): string | undefined {
  return /^\s*worktree\s*=\s*"?([^"\n]+)/im.exec(readText(path.join(store, 'config')))?.[1]?.trim()
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
