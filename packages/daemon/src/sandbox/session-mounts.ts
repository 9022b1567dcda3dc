import { mkdirSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import * as path from 'node:path'
import type { Command } from '../core/enclosure.ts'
import { findGitMetadata } from './git-metadata.ts'
import { readHostSockets } from './host-sockets.ts'
import type { MountPoints } from './mount-points.ts'
import { toMounts } from './mounts.ts'
import type { Mount } from './mounts.ts'
import { credentialPlaces, startupPlaces } from './private-places.ts'
import { followPath } from './real-path.ts'
import type { RealPath } from './real-path.ts'
import { readSystemMounts } from './system-mounts.ts'
import type { Place } from './wall.ts'

/** The name of the sockets' directory inside. */
export const socketsInside = '/run/codesdkd'
export const relayInside = '/run/codesdkd-relay'

export interface SessionMountsOptions {
  /** The person's home, whose keys and startup files are kept apart. */
  readonly home: string
  /** The relay on the host. */
  readonly relay: string
  readonly mountPoints: MountPoints
}

/**
 * What one command of a session is to find inside. Writes the session's own files into a folder of `place.sockets`, and holds the mount
 * points that it needs in the workspace.
 */
export function prepareMounts(command: Command, place: Place, { home, relay, mountPoints }: SessionMountsOptions): readonly Mount[] {
  const own = writeOwnFiles(ownDirectory(place), command)
  const hidden = follow([...place.hidden])
  const credentials = follow(credentialPlaces(home))
  const writable = followReal([place.workspace, ...place.writable])
  const files = follow(command.writable)
  const readable = [...followReal(place.readable), ...follow([...place.named, ...command.readable, command.program])]
  const secret = [...hidden, ...credentials].map(({ real }) => real)
  const git = writable.filter(({ stats }) => stats.isDirectory()).map(({ real }) => findGitMetadata(real, { home, hidden: secret }))
  const points = git.flatMap(({ absent }) => absent)
  const fixed = git.flatMap((found) => found.fixed)
  mountPoints.hold(ownDirectory(place), { points, present: fixed })
  const system = readSystemMounts(own.blank)
  return toMounts([
    [...writable, ...files, ...readable, ...follow([command.cwd])].flatMap(({ links }) => links),
    system.scratch,
    follow(startupPlaces(home)).map(({ real }) => toGuard(real)),
    [...fixed, ...points.map((point) => point.path)].map(toGuard),
    [...credentials, ...follow(readHostSockets()).filter(({ stats }) => stats.isSocket())].map((found) => toMask(found, own.blank)),
    readable.map(({ real }) => toPlace('read', real)),
    git.flatMap((found) => found.writable).map((real) => toPlace('write', real)),
    [...writable, ...files].map(({ real }) => toPlace('write', real)),
    hidden.map((found) => toMask(found, own.blank)),
    system.fixed,
    [
      ...own.etc,
      { kind: 'read', path: socketsInside, source: place.sockets, purpose: 'place' },
      { kind: 'read', path: relayInside, source: relay, purpose: 'place' },
    ],
  ])
}

/** Where a wall keeps what is this session's own. */
export function ownDirectory({ sockets }: Pick<Place, 'sockets'>): string {
  return path.join(sockets, 'wall')
}

/** They were real paths when they were allowed: a link that stands there now is somebody's doing. */
function followReal(paths: readonly string[]): readonly RealPath[] {
  const found = follow(paths)
  const swapped = found.find(({ links }) => links.length > 0)
  if (swapped !== undefined) throw new Error(`a place of the session leads elsewhere now: ${swapped.links[0]?.path ?? ''}`)
  return found
}

/** What exists of these, without what the kernel shows of itself: that is never a place of the host's. */
function follow(paths: readonly string[]): readonly RealPath[] {
  return paths.flatMap((named) => {
    const found = followPath(named)
    return found === null || /^\/(?:proc|sys)(?:\/|$)/.test(found.real) ? [] : [found]
  })
}

function toPlace(kind: 'write' | 'read', real: string): Mount {
  return { kind, path: real, source: real, purpose: 'place' }
}

function toGuard(real: string): Mount {
  return { kind: 'read', path: real, source: real, purpose: 'guard' }
}

function toMask({ real, stats }: RealPath, blank: string): Mount {
  return stats.isDirectory()
    ? { kind: 'empty', path: real, bytes: null, purpose: 'mask' }
    : { kind: 'read', path: real, source: blank, purpose: 'mask' }
}

interface OwnFiles {
  readonly blank: string
  readonly etc: readonly Mount[]
}

/** The system's lists of users name everybody; of these an agent needs its own line. */
function writeOwnFiles(directory: string, command: Command): OwnFiles {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const { uid, gid, username } = userInfo()
  const name = /^[a-z_][\w.-]*$/i.test(username) ? username : 'agent'
  const home = /[:\n]/.test(command.env['HOME'] ?? ':') ? '/' : (command.env['HOME'] ?? '/')
  const contents = {
    blank: '',
    passwd: `${name}:x:${uid}:${gid}::${home}:/bin/sh\n`,
    group: `${name}:x:${gid}:\n`,
    'nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files\n',
  }
  for (const [file, text] of Object.entries(contents)) writeFileSync(path.join(directory, file), text, { mode: 0o644 })
  const etc = ['passwd', 'group', 'nsswitch.conf'].map((file): Mount => ({
    kind: 'read',
    path: `/etc/${file}`,
    source: path.join(directory, file),
    purpose: 'place',
  }))
  return { blank: path.join(directory, 'blank'), etc }
}
