import { lstatSync, readlinkSync } from 'node:fs'
import type { Stats } from 'node:fs'
import * as path from 'node:path'
import type { Mount } from './mounts.ts'

/** Where a path leads. */
export interface RealPath {
  readonly real: string
  readonly stats: Stats
  /** The symbolic links on the way, as they are on the host: with them the path leads there as it was named. */
  readonly links: readonly Extract<Mount, { kind: 'link' }>[]
}

const maxLinks = 40

/** Follows a path to its end. Null when there is nothing, or nothing that may be looked at. */
export function followPath(named: string): RealPath | null {
  const ahead = path.resolve(named).split('/').toReversed()
  const links = new Map<string, Extract<Mount, { kind: 'link' }>>()
  let real = '/'
  try {
    let stats = lstatSync(real)
    while (ahead.length > 0) {
      const part = ahead.pop() ?? ''
      if (part === '' || part === '.') continue
      const next = path.join(real, part)
      stats = lstatSync(next)
      if (!stats.isSymbolicLink()) {
        real = next
        continue
      }
      if (links.size === maxLinks) return null
      const to = readlinkSync(next)
      links.set(next, { kind: 'link', path: next, to })
      if (path.isAbsolute(to)) real = '/'
      ahead.push(...to.split('/').toReversed())
    }
    return { real, stats: lstatSync(real), links: [...links.values()] }
  } catch {
    return null
  }
}

/** What is at the path itself, a link included; undefined where there is nothing, or nothing that may be looked at. */
export function statsOf(place: string): Stats | undefined {
  try {
    return lstatSync(place)
  } catch {
    return undefined
  }
}
