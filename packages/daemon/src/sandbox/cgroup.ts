import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A control group for each place, in which the kernel counts processes whoever they belong to: root is counted too. */
export interface ProcessGroups {
  /** How many processes one place may have, those of the wall among them. */
  readonly most: number
  /** The directory of the place's group, made if there is none: what is to be counted has to join it. Throws if it cannot be made. */
  open(place: string): string
  /** Takes it away, or a later call does if something in it is still ending. Never throws. */
  release(place: string): void
}

export interface FindProcessGroupsOptions {
  readonly most: number
  /** Where the hierarchy of `pids` is mounted (cgroup version 1). */
  readonly mounted?: string
  /** What /proc/self/cgroup says. */
  readonly own?: string
  readonly user?: number
}

/**
 * Null where this daemon may make no groups. It divides the root of the hierarchy, as root, or a group in which it is alone: one that holds
 * others belongs to whoever made it, who counts and ends processes by it, and stays as it is even where it could be written. Takes away
 * what daemons that were killed have left. Never throws.
 */
export function findProcessGroups(options: FindProcessGroupsOptions): ProcessGroups | null {
  const { most, mounted = '/sys/fs/cgroup/pids', own = read('/proc/self/cgroup'), user = process.getuid?.() } = options
  const path = /^\d+:pids:(\/.*)$/m.exec(own)?.[1]
  if (path === undefined) return null
  const parent = join(mounted, path)
  if (!(path === '/' && user === 0) && read(join(parent, 'cgroup.procs')).trim() !== String(process.pid)) return null
  sweep(parent)
  const groups = createGroups(parent, most)
  try {
    groups.open('')
    return groups
  } catch {
    return null
  } finally {
    groups.release('')
  }
}

function createGroups(parent: string, most: number): ProcessGroups {
  const ended = new Set<string>()
  const toGroup = (place: string) =>
    join(parent, `codesdkd-${process.pid}-${createHash('sha256').update(place).digest('hex').slice(0, 16)}`)
  return {
    most,
    open(place) {
      const group = toGroup(place)
      ended.delete(group)
      mkdirSync(group, { recursive: true, mode: 0o700 })
      // No such file is made where this is no control group.
      writeFileSync(join(group, 'pids.max'), String(most), { flag: 'r+' })
      return group
    },
    release(place) {
      ended.add(toGroup(place))
      for (const group of ended) if (remove(group)) ended.delete(group)
    },
  }
}

function sweep(parent: string): void {
  try {
    for (const name of readdirSync(parent)) {
      const pid = /^codesdkd-(\d+)-[\da-f]{16}$/.exec(name)?.[1]
      if (pid !== undefined && !existsSync(`/proc/${pid}`)) remove(join(parent, name))
    }
  } catch {
    // Nothing that can be listed can be divided either.
  }
}

/** The kernel removes only groups that are empty. */
function remove(group: string): boolean {
  try {
    rmdirSync(group)
  } catch {
    return !existsSync(group)
  }
  return true
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
