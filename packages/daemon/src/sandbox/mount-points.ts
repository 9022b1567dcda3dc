import { appendFileSync, closeSync, constants, fchmodSync, lstatSync, mkdirSync, openSync, readFileSync, readdirSync } from 'node:fs'
import { readlinkSync, rmdirSync, unlinkSync, writeFileSync } from 'node:fs'
import * as path from 'node:path'

/** What has to be there so that something can be mounted over it. `content` is a file's; null: a directory. */
export interface MountPoint {
  readonly path: string
  readonly content: string | null
}

const listName = 'mount-points'
/** Longer than what is ever written into a mount point. */
const maxBytes = 8

/**
 * What a wall makes on the host because nothing can be mounted where there is nothing: made before the mounts, taken away when the last
 * session that needs it has ended. To remove it earlier would take the mount away as well, from the session that still has it. Each
 * session's directory lists what it needs, for whoever comes after a daemon that was killed.
 */
export class MountPoints {
  readonly #owners = new Map<string, Set<string>>()

  /**
   * Makes those of `points` that are missing, and notes that `owner`, a session's own directory, needs them; of `present`, what is there
   * already, only those that were made for another session. Throws where a path leads elsewhere, or nothing can be made.
   */
  hold(owner: string, { points, present }: { readonly points: readonly MountPoint[]; readonly present: readonly string[] }): void {
    for (const at of present) if (this.#owners.has(at)) this.#join(owner, at)
    for (const point of points) {
      this.#join(owner, point.path)
      if (!make(point)) this.#leave(owner, point.path)
    }
  }

  /** Takes away what nobody needs any more and is as it was made. Never throws. */
  release(owner: string): void {
    for (const at of this.#owners.keys()) if (this.#leave(owner, at)) remove(at)
  }

  /** On disk before anything is made. */
  #join(owner: string, at: string): void {
    const owners = this.#owners.get(at) ?? new Set()
    if (owners.has(owner)) return
    appendFileSync(path.join(owner, listName), `${JSON.stringify(at)}\n`, { mode: 0o600 })
    this.#owners.set(at, owners.add(owner))
  }

  /** Whether it was the last one. */
  #leave(owner: string, at: string): boolean {
    const owners = this.#owners.get(at)
    if (owners?.delete(owner) !== true || owners.size > 0) return false
    return this.#owners.delete(at)
  }
}

/** Takes away what the walls of a killed daemon have left, whose sessions had their directories in this one. Never throws. */
export function removeMountPoints(directory: string): void {
  for (const name of namesIn(directory)) for (const at of readList(path.join(directory, name, 'wall', listName))) remove(at)
}

/** False where something is there already. */
function make({ path: place, content }: MountPoint): boolean {
  try {
    beside(place, (at) => {
      if (content === null) mkdirSync(at)
      else writeFileSync(at, content, { flag: 'wx' })
      share(at, content === null ? 0o755 : 0o644)
    })
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}

/** Git of another user fails at a `commondir` that it cannot read, whatever the daemon's umask is. */
function share(at: string, mode: number): void {
  const fd = openSync(at, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    fchmodSync(fd, mode)
  } finally {
    closeSync(fd)
  }
}

function remove(place: string): void {
  try {
    beside(place, (at) => {
      const stats = lstatSync(at)
      if (stats.isDirectory()) rmdirSync(at)
      else if (stats.isFile() && stats.size <= maxBytes && ['', sameDirectory].includes(readFileSync(at, 'utf8'))) unlinkSync(at)
    })
  } catch {
    // Somebody has put something there, or it is gone.
  }
}

/** What makes git look for configuration and hooks where it would anyway. */
export const sameDirectory = '.\n'

/** By its open directory: an agent of another session may be about to put a link on the way. */
function beside(place: string, act: (at: string) => void): void {
  const directory = path.dirname(place)
  const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  try {
    const at = `/proc/self/fd/${fd}`
    if (readlinkSync(at) !== directory) throw new Error(`${directory} leads elsewhere now`)
    act(`${at}/${path.basename(place)}`)
  } finally {
    closeSync(fd)
  }
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

/** The last line may have been cut. */
function readList(file: string): readonly string[] {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .flatMap((line) => toPath(line) ?? [])
  } catch {
    return []
  }
}

function toPath(line: string): string | null {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'string' && path.isAbsolute(value) ? value : null
  } catch {
    return null
  }
}
