import { createHash } from 'node:crypto'
import { constants, type Stats } from 'node:fs'
import { lstat, open, readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Planted } from '../core/enclosure.ts'
import { findRepositories } from './repositories.ts'
import { nestedPlaces, storePlaces, watchedPlaces, type WatchedPlace } from './watched-places.ts'

/** Absolute path of each file and link that other programs obey, and what it was like. */
export type ConfigurationSnapshot = ReadonlyMap<string, Fingerprint>

/** `content` is null for what is large, and for what cannot be read. */
interface Fingerprint {
  readonly about: string
  readonly content: string | null
}

/** Of one directory with its children. What is beyond is told by the directory alone, when its own list of names changes. */
const ENTRY_LIMIT = 500
const DEPTH_LIMIT = 6
/** Bytes. Files that are larger are compared by their size and times. */
const SMALL = 64 * 1024

/**
 * What is there now that would run something, or tell an agent something, when somebody merely opens one of these directories or uses
 * git there. Links are taken as they are, never followed; who swaps a directory for a link at the very moment can have names from
 * elsewhere listed, nothing more. Each root costs some milliseconds, one with thousands of directories some hundred. Never rejects: what cannot be read is known by its size and
 * times, or is not there.
 */
export async function snapshotConfiguration(roots: readonly string[]): Promise<ConfigurationSnapshot> {
  const found = new Map<string, Fingerprint>()
  for (const root of new Set(roots)) {
    const { worktrees, stores, complete } = await findRepositories(root)
    const all = await Promise.all([
      visitPlaces([root], watchedPlaces),
      visitPlaces(worktrees, nestedPlaces),
      visitPlaces(stores, storePlaces),
    ])
    for (const [path, fingerprint] of all.flat()) found.set(path, fingerprint)
    // So that a task is told which has made more than is looked at.
    if (!complete) found.set(root, { about: 'more', content: null })
  }
  return found
}

async function visitPlaces(roots: readonly string[], places: readonly WatchedPlace[]): Promise<Found> {
  const all: Found[] = []
  for (const root of roots) {
    const mayHave = await listNames(root)
    const there = places.filter(({ path }) => mayHave(path.split('/', 1)[0] ?? ''))
    all.push((await Promise.all(there.map((place) => visitPlace(root, place)))).flat())
  }
  return all.flat()
}

/**
 * Whether a directory may have something of this name: to list it costs less than to ask for each of the names. Some file systems take
 * capital letters for small ones, and characters for others that look alike: beside a name that is not plain everything may be there.
 */
async function listNames(directory: string): Promise<(name: string) => boolean> {
  const names = await readdir(directory).catch(() => null)
  if (names === null || names.some((name) => !/^[\x21-\x7e]+$/.test(name))) return () => true
  const known = new Set(names.map((name) => name.toLowerCase()))
  return (name) => known.has(name.toLowerCase())
}

/** What is not as it was, sorted by path. Pure. */
export function toPlanted(before: ConfigurationSnapshot, after: ConfigurationSnapshot): readonly Planted[] {
  const planted: Planted[] = []
  for (const [path, now] of after) {
    const then = before.get(path)
    if (then === undefined) planted.push({ path, change: 'add' })
    else if (!isSame(then, now)) planted.push({ path, change: 'edit' })
  }
  for (const path of before.keys()) if (!after.has(path)) planted.push({ path, change: 'delete' })
  return planted.toSorted((a, b) => (a.path < b.path ? -1 : 1))
}

function isSame(a: Fingerprint, b: Fingerprint): boolean {
  return a.content !== null && b.content !== null ? a.content === b.content : a.about === b.about
}

/** Looks now, and when the result is called looks again: what has changed meanwhile. Neither rejects. */
export async function watchConfiguration(roots: readonly string[]): Promise<() => Promise<readonly Planted[]>> {
  const before = await snapshotConfiguration(roots)
  return async () => toPlanted(before, await snapshotConfiguration(roots))
}

type Found = readonly (readonly [path: string, fingerprint: Fingerprint])[]

/** Goes down part by part: a link on the way is what is told, not what lies behind it. */
async function visitPlace(root: string, place: WatchedPlace): Promise<Found> {
  const parts = place.path.split('/')
  let path = root
  for (const [index, part] of parts.entries()) {
    path = join(path, part)
    const stats = await statOf(path)
    if (stats === null) return []
    if (index === parts.length - 1) return stats.isDirectory() ? visitDirectory(path, place) : visitFile(path, stats, place)
    if (!stats.isDirectory()) return visitFile(path, stats, { path: place.path })
  }
  return []
}

/** Breadth first, so that what lies deep is what is cut. */
async function visitDirectory(top: string, place: WatchedPlace): Promise<Found> {
  const found: (readonly [string, Fingerprint])[] = []
  const ahead = [{ path: top, depth: 1 }]
  let room = ENTRY_LIMIT
  for (let next = ahead.shift(); next !== undefined; next = ahead.shift()) {
    const { path: directory, depth } = next
    const names = (await readdir(directory).catch(() => [])).filter((name) => place.skips?.(name) !== true).toSorted()
    const visited = await Promise.all(names.slice(0, room).map((name) => visitEntry(join(directory, name), place)))
    const isCut = names.length > room || (depth >= DEPTH_LIMIT && visited.some((one) => one === 'directory'))
    if (isCut) found.push(await toCut(directory))
    room -= visited.length
    for (const [index, one] of visited.entries()) {
      if (one !== 'directory') found.push(...one)
      else if (depth < DEPTH_LIMIT) ahead.push({ path: join(directory, names[index] ?? ''), depth: depth + 1 })
    }
  }
  return found
}

async function visitEntry(path: string, place: WatchedPlace): Promise<Found | 'directory'> {
  const stats = await statOf(path)
  if (stats === null) return []
  return stats.isDirectory() ? 'directory' : visitFile(path, stats, place)
}

async function visitFile(path: string, stats: Stats, place: WatchedPlace): Promise<Found> {
  if (place.names?.(path) === false) return []
  const about = toAbout(stats)
  if (stats.isSymbolicLink()) return [[path, { about, content: `link ${await readlink(path).catch(() => '')}` }]]
  const text = stats.isFile() && stats.size <= SMALL ? await readSmall(path) : null
  if (text === null) return [[path, { about, content: null }]]
  const matters = place.reduce === undefined ? text : place.reduce(path, text.toString('latin1'))
  // Git's own settings of a new repository, say.
  if (matters === '') return []
  const executable = (stats.mode & 0o111) === 0 ? '-' : 'x'
  return [[path, { about, content: `${executable} ${createHash('sha256').update(matters).digest('base64')}` }]]
}

/** Null when it is no file any more, or larger than it was: nothing is followed, nothing is waited for. */
async function readSmall(path: string): Promise<Buffer | null> {
  try {
    await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    if (!(await file.stat()).isFile()) return null
    const buffer = Buffer.allocUnsafe(SMALL + 1)
    const { bytesRead } = await file.read(buffer, 0, SMALL + 1, 0)
    return bytesRead > SMALL ? null : buffer.subarray(0, bytesRead)
  } catch {
    return null
  }
}

async function toCut(directory: string): Promise<readonly [string, Fingerprint]> {
  const stats = await statOf(directory)
  return [directory, { about: stats === null ? '' : toAbout(stats), content: null }]
}

function toAbout({ size, mode, ino, mtimeMs, ctimeMs }: Stats): string {
  return [size, mode, ino, mtimeMs, ctimeMs].join(' ')
}

async function statOf(path: string): Promise<Stats | null> {
  return lstat(path).catch(() => null)
}
