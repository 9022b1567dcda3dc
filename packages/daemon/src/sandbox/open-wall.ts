import { accessSync, constants, readFileSync, realpathSync, statSync } from 'node:fs'
import * as path from 'node:path'
import { fileURLToPath } from 'node:url'
import { createBubblewrap } from './bubblewrap.ts'
import { findProcessGroups } from './cgroup.ts'
import { createSeatbelt } from './seatbelt.ts'
import { tryWall, tryWrites } from './self-test.ts'
import type { Wall, WallState } from './wall.ts'

export interface OpenWallOptions {
  /** A directory that is the daemon's alone, for the short life of the self-test's files. */
  readonly scratch: string
  /** The home of the person for whom the daemon runs. */
  readonly home: string
  /** The daemon's `PATH`. Default: none; only the system's own directories are looked at. */
  readonly searchPath?: string
  /** Default: the one that was built beside the daemon. */
  readonly relay?: string
  readonly platform?: NodeJS.Platform
}

type Missing = Extract<WallState, { wall: null }>

const builtRelay = fileURLToPath(new URL(`../../native/relay-linux-${process.arch}`, import.meta.url))
const relayBuild = fileURLToPath(new URL('../../native/build-relay.mjs', import.meta.url))
const systemDirectories = ['/usr/bin', '/usr/local/bin', '/bin', '/run/current-system/sw/bin']
/** Where packages put programs and agents cannot; a program elsewhere on the PATH may be one that an agent has left there. */
const trustedDirectory = /^\/(?:usr|nix\/store|gnu\/store|bin|sbin)(?:\/|$)/

/** Finds the wall and tries it. Never throws; ends within about five seconds, mostly within a tenth of one. */
export async function openWall(options: OpenWallOptions): Promise<WallState> {
  const { platform = process.platform, home, scratch } = options
  if (platform === 'darwin') return await proven(createSeatbelt({ home }), (wall) => tryWrites(wall, scratch))
  if (platform !== 'linux') return missing(`There is no sandbox for ${platform}.`, 'Run the daemon on Linux or macOS.')
  const bwrap = findBubblewrap(options.searchPath ?? '')
  if (bwrap === null)
    return missing('bubblewrap is not installed.', 'Install it: `apt-get install bubblewrap`, `dnf install bubblewrap` or the like.')
  const relay = options.relay ?? builtRelay
  if (!isProgram(relay))
    return missing('The relay of the sandbox has not been built.', `Install a C compiler and run \`node ${relayBuild}\`.`)
  const groups = findProcessGroups({ most: 1024 })
  return await proven(createBubblewrap({ bwrap, relay, home, groups }), (wall) => tryWall(wall, { scratch, relay }))
}

async function proven(wall: Wall, attempt: (wall: Wall) => Promise<string | null>): Promise<WallState> {
  const failure = await attempt(wall).catch((error: unknown) => String(error))
  return failure === null ? { wall } : explain(failure)
}

function missing(reason: string, remedy: string): Missing {
  return { wall: null, reason, remedy }
}

function findBubblewrap(searchPath: string): string | null {
  const named = searchPath.split(path.delimiter).filter((directory) => path.isAbsolute(directory))
  for (const directory of [...systemDirectories, ...named]) {
    const file = path.join(directory, 'bwrap')
    if (!isProgram(file)) continue
    const real = realpathSync(file)
    if (trustedDirectory.test(real) && (statSync(real).mode & 0o022) === 0) return real
  }
  return null
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    return false
  }
}

/** What bubblewrap's last words mean to the one who runs the machine. */
function explain(failure: string): Missing {
  const said = `The sandbox does not work here: ${failure}.`
  if (/Unknown option/i.test(failure)) return missing(said, 'Install bubblewrap 0.8 or newer.')
  if (readSetting('/proc/sys/kernel/apparmor_restrict_unprivileged_userns') === '1')
    return missing(
      `${said} AppArmor keeps user namespaces from programs without a profile.`,
      'Load an AppArmor profile for bwrap that has `userns,`, or set kernel.apparmor_restrict_unprivileged_userns=0.',
    )
  if (readSetting('/proc/sys/user/max_user_namespaces') === '0' || readSetting('/proc/sys/kernel/unprivileged_userns_clone') === '0')
    return missing(
      `${said} User namespaces are switched off.`,
      'Set user.max_user_namespaces to a number above 0, and kernel.unprivileged_userns_clone=1 where that exists.',
    )
  if (/mount proc/i.test(failure))
    return missing(
      `${said} A container that hides parts of /proc lets nobody mount a new one.`,
      'Run the container with an unmasked /proc (`--security-opt systempaths=unconfined`), or run the daemon outside of it.',
    )
  if (/namespace|uid map|Operation not permitted/i.test(failure))
    return missing(said, 'Allow user namespaces; in a container, run it with a seccomp profile that allows them.')
  return missing(said, 'Run the daemon where bubblewrap works, or allow sessions without a wall.')
}

function readSetting(file: string): string | null {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    return null
  }
}
