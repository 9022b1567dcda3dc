import * as path from 'node:path'

/** What stands at one path inside. */
export type Mount =
  /** A file or directory of the host. */
  | { readonly kind: 'write' | 'read'; readonly path: string; readonly source: string; readonly purpose: 'place' | 'guard' | 'mask' }
  /** An empty directory in memory: `bytes` may be written, none if it is null. */
  | { readonly kind: 'empty'; readonly path: string; readonly bytes: number | null; readonly purpose: 'place' | 'mask' }
  | { readonly kind: 'link'; readonly path: string; readonly to: string }
  | { readonly kind: 'devices' | 'processes'; readonly path: string }

type Kept = ReadonlyMap<string, Mount>

/**
 * What is to be mounted, in this order. Of two wishes for one path that of the later layer counts, and what is wished for a path
 * counts for all below it that nothing is wished for; so a place may lie in something hidden, and that in another place.
 * - A `place` is always there.
 * - A `mask` hides what would otherwise be seen.
 * - A `guard` makes read-only what could otherwise be written; it never shows anything.
 */
export function toMounts(layers: readonly (readonly Mount[])[]): readonly Mount[] {
  const wishes = new Map(layers.flat().map((mount) => [mount.path, mount]))
  const kept = new Map<string, Mount>()
  for (const mount of [...wishes.values()].toSorted(parentsFirst)) {
    const cover = coverOf(mount.path, kept)
    if (!isNeeded(mount, cover)) continue
    // A directory on the way could be renamed away, and what is below it with it, for the next session to find bare.
    if (cover?.kind === 'write' && mount.kind !== 'write')
      for (const at of between(cover.path, mount.path)) kept.set(at, { kind: 'write', path: at, source: at, purpose: 'place' })
    // In memory the directories on the way are there only to lead to it: what is written beside it would seem to be kept, and be lost.
    if (cover?.kind === 'empty' && cover.bytes !== null)
      for (const at of between(cover.path, mount.path)) kept.set(at, { kind: 'empty', path: at, bytes: null, purpose: 'place' })
    kept.set(mount.path, mount)
  }
  return [...kept.values()].toSorted(parentsFirst)
}

/** The mount that shows what is at a path when nothing is mounted there. */
function coverOf(place: string, kept: Kept): Mount | undefined {
  for (let at = place; at !== '/';) {
    at = path.dirname(at)
    const mount = kept.get(at)
    if (mount !== undefined) return mount
  }
  return undefined
}

function isNeeded(mount: Mount, cover: Mount | undefined): boolean {
  const shown = cover?.kind === 'write' || cover?.kind === 'read'
  switch (mount.kind) {
    case 'link':
      return !shown
    case 'devices':
    case 'processes':
      return true
    case 'empty':
      return mount.purpose === 'place' || shown
    case 'read':
    case 'write':
      break
    default:
      return mount satisfies never
  }
  switch (mount.purpose) {
    case 'guard':
      return cover?.kind === 'write'
    case 'mask':
      return shown || cover?.kind === 'processes'
    case 'place':
      return !(cover?.kind === mount.kind && cover.source === cover.path && mount.source === mount.path)
    default:
      return mount satisfies never
  }
}

/** The directories on the way. What is mounted at one can be neither renamed nor removed. */
function between(upper: string, lower: string): readonly string[] {
  const found: string[] = []
  for (let at = path.dirname(lower); at !== upper; at = path.dirname(at)) found.push(at)
  return found
}

/** A path sorts behind each of its parents, which are beginnings of it. */
function parentsFirst(a: Mount, b: Mount): number {
  return a.path < b.path ? -1 : Number(a.path > b.path)
}
