import { hash } from 'node:crypto'
import { lstat, realpath } from 'node:fs/promises'
import * as path from 'node:path'
import type { FoundSource, ImplicitSource } from '../core/ports.ts'
import { openInside } from '../runtimes/own-files.ts'

/** Of a file that is hashed. Bytes. */
const SIZE_LIMIT = 1024 * 1024
/** Directories from the working directory up to that of the repository. */
const LEVELS = 32
/** Files whose hashes are remembered. */
const REMEMBERED = 1_000

export type FindSources = (cwd: string, sources: readonly ImplicitSource[], trusted: boolean) => Promise<readonly FoundSource[]>

/**
 * Finds the files that an agent reads by itself in a working directory and, where it does, in the parents up to the repository. Of their
 * content only the hash is told, and links that lead outside are not followed. A file that has not changed since is not read again.
 * Nothing of it rejects: what cannot be read has no hash.
 */
export function createSourceFinder(): FindSources {
  const known = new Map<string, { readonly stamp: string; readonly sha256: string }>()

  async function look(root: string, cwd: string, file: string, obeyed: boolean): Promise<FoundSource | null> {
    if ((await lstat(file).catch(() => null)) === null) return null
    const about = { name: path.relative(cwd, file), obeyed }
    const unread = { ...about, size: null, sha256: null }
    const real = await realpath(file).catch(() => null)
    const handle = real === null ? null : await openInside(root, real)
    if (real === null || handle === null) return unread
    try {
      const { size, mtimeNs, ino } = await handle.stat({ bigint: true })
      if (size > SIZE_LIMIT) return { ...unread, size: Number(size) }
      const stamp = `${size} ${mtimeNs} ${ino}`
      const earlier = known.get(real)
      const sha256 = earlier?.stamp === stamp ? earlier.sha256 : hash('sha256', await handle.readFile())
      known.delete(real)
      known.set(real, { stamp, sha256 })
      for (const [oldest] of known) if (known.size > REMEMBERED) known.delete(oldest)
      return { ...about, size: Number(size), sha256 }
    } catch {
      return unread
    } finally {
      await handle.close()
    }
  }

  return async (cwd, sources, trusted) => {
    if (sources.length === 0) return []
    const directories = await upToRepository(cwd)
    const root = directories.at(-1) ?? cwd
    const found: FoundSource[] = []
    for (const { names, parents, needsTrust } of sources) {
      for (const directory of parents ? directories : [cwd]) {
        let first = true
        for (const name of names) {
          const one = await look(root, cwd, path.join(directory, name), first && (trusted || !needsTrust))
          if (one === null) continue
          found.push(one)
          first = false
        }
      }
    }
    return found
  }
}

/** The directory and its parents up to one with `.git`; without a repository it alone. */
async function upToRepository(cwd: string): Promise<readonly string[]> {
  const directories: string[] = []
  for (let directory = cwd; directories.length < LEVELS; directory = path.dirname(directory)) {
    directories.push(directory)
    if ((await lstat(path.join(directory, '.git')).catch(() => null)) !== null) return directories
    if (directory === path.dirname(directory)) break
  }
  return [cwd]
}
