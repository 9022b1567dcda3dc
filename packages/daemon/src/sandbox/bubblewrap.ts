import { release } from 'node:os'
import type { ProcessGroups } from './cgroup.ts'
import { readHostMounts } from './host-mounts.ts'
import { readIdentity } from './identity.ts'
import { MountPoints } from './mount-points.ts'
import type { Mount } from './mounts.ts'
import { ownDirectory, prepareMounts, relayInside, socketsInside } from './session-mounts.ts'
import type { Wall } from './wall.ts'
import { isWithin } from './within.ts'

export interface BubblewrapOptions {
  /** Absolute path of bubblewrap, in a directory that no agent can write. */
  readonly bwrap: string
  /** Absolute path of the relay. */
  readonly relay: string
  /** The home of the person for whom the daemon runs. */
  readonly home: string
  /** Where the kernel counts the processes of each place. Default: it counts those of the user alone, which root never reaches. */
  readonly groups?: ProcessGroups | null
}

/** Namespaces of its own, no capability, and no way to get one in another user namespace. */
const isolation = [
  '--unshare-user --unshare-pid --unshare-ipc --unshare-uts --unshare-net --unshare-cgroup-try',
  '--cap-drop ALL --disable-userns --die-with-parent --new-session --hostname sandbox',
].flatMap((line) => line.split(' '))

/** What bubblewrap builds on Linux: a root of its own in memory, with what is mounted there and nothing else. */
export function createBubblewrap({ bwrap, relay, home, groups = null }: BubblewrapOptions): Wall {
  const mountPoints = new MountPoints()
  return {
    kind: 'bubblewrap',
    enclose(command, place) {
      const mounts = prepareMounts(command, place, { home, relay, mountPoints })
      const ports = [`8080=${socketsInside}/gateway.sock`, `3128=${socketsInside}/egress.sock`]
      const limits = ['--max-processes', String(maxProcesses())]
      const inside = [relayInside, ...limits, ...toExpectations(mounts), ...ports, '--', command.program, ...command.args]
      const args = [...isolation, ...toArguments(mounts), '--chdir', command.cwd, '--', ...inside]
      return {
        ...(groups === null
          ? { program: bwrap, args }
          : { program: relay, args: ['--join', groups.open(place.sockets), '--', bwrap, ...args] }),
        cwd: '/',
        env: command.env,
        // bubblewrap, its init inside, and the program, which is that one's first child.
        depth: 2,
      }
    },
    release(place) {
      mountPoints.release(ownDirectory(place))
      groups?.release(place.sockets)
    },
  }
}

/**
 * /proc as a whole is sealed as well: for the machine's settings in it the kernel asks for their owner alone, whatever capabilities are
 * gone, and bubblewrap covers only some of them. Open, it lets the agent of a daemon that runs as root choose a program for the host to run.
 */
function toArguments(mounts: readonly Mount[]): readonly string[] {
  const sealed = mounts.filter(
    (mount) => mount.kind === 'devices' || mount.kind === 'processes' || (mount.kind === 'empty' && mount.bytes === null),
  )
  const bare = mounts[0]?.path !== '/'
  return [
    ...mounts.flatMap(toArgument),
    // At the end, since bubblewrap itself makes the mount points below them.
    ...[...sealed.map((mount) => mount.path), ...(bare ? ['/'] : [])].flatMap((path) => ['--remount-ro', path]),
  ]
}

/** Who may write a directory above a place could put a link there while bubblewrap looks names up: the relay compares what was mounted. */
function toExpectations(mounts: readonly Mount[]): readonly string[] {
  const shown = mounts.flatMap((mount) => (isShown(mount) ? [mount.path] : []))
  const below = readHostMounts().filter((path) => shown.some((place) => path !== place && isWithin(path, place)))
  return [...mounts.flatMap(toExpectation), ...below.flatMap((path) => ['--mount', path, '-'])]
}

function isShown(mount: Mount): boolean {
  return (mount.kind === 'write' || mount.kind === 'read') && mount.source === mount.path
}

function toExpectation(mount: Mount): readonly string[] {
  switch (mount.kind) {
    case 'write':
    case 'read':
      // Of the daemon's own files nobody else can make anything.
      return ['--mount', mount.path, isShown(mount) ? readIdentity(mount.path) : '-']
    case 'link':
      return []
    case 'empty':
    case 'devices':
    case 'processes':
      return ['--mount', mount.path, '-']
    default:
      return mount satisfies never
  }
}

function toArgument(mount: Mount): readonly string[] {
  switch (mount.kind) {
    case 'write':
      return ['--bind', mount.source, mount.path]
    case 'read':
      return ['--ro-bind', mount.source, mount.path]
    case 'empty':
      // A sealed one still takes the mount points below it.
      return mount.bytes === null
        ? ['--perms', '0755', '--size', String(1024 * 1024), '--tmpfs', mount.path]
        : ['--perms', '1777', '--size', String(mount.bytes), '--tmpfs', mount.path]
    case 'link':
      return ['--symlink', mount.to, mount.path]
    case 'devices':
      return ['--dev', mount.path]
    case 'processes':
      return ['--proc', mount.path]
    default:
      return mount satisfies never
  }
}

/** Before Linux 5.14 the limit counted all processes of the user, outside as well. */
function maxProcesses(): number {
  const [major = 0, minor = 0] = release().split('.').map(Number)
  return major > 5 || (major === 5 && minor >= 14) ? 1024 : 0
}
