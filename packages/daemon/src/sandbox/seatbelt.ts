import type { Command } from '../core/enclosure.ts'
import { credentialPlaces } from './private-places.ts'
import { followPath } from './real-path.ts'
import type { Place, Wall } from './wall.ts'

export interface SeatbeltOptions {
  /** The home of the person for whom the daemon runs. */
  readonly home: string
}

/**
 * macOS's Seatbelt by `sandbox-exec`. HAS NEVER RUN ON A MAC: only the text of its profile is tested. It is weaker than the other wall: what
 * is not hidden can be read, processes see each other, and nothing dies with the daemon.
 */
export function createSeatbelt({ home }: SeatbeltOptions): Wall {
  return {
    kind: 'seatbelt',
    enclose: (command, place) => ({
      program: '/usr/bin/sandbox-exec',
      args: ['-p', toProfile(command, place, home), command.program, ...command.args],
      cwd: command.cwd,
      env: command.env,
      depth: 0,
    }),
    // A profile names what is not there as well.
    release: () => {},
  }
}

/** A later rule wins over an earlier one, so that what is shown in a hidden place comes after it. */
export function toProfile(command: Command, place: Place, home: string): string {
  const writable = [place.workspace, ...place.writable, ...command.writable].map(real)
  const readable = [...place.readable, ...place.named, ...command.readable, command.program].map(real)
  const hidden = [...credentialPlaces(home), ...place.hidden].map(real)
  const gitMetadata = [place.workspace, ...place.writable].flatMap((root) =>
    ['hooks', 'config', 'config.worktree', 'commondir'].map((name) => `${real(root)}/.git/${name}`),
  )
  const loopback = (place.ports ?? []).map((port) => `(allow network-outbound (remote ip "localhost:${port}"))`)
  return [
    '(version 1)',
    '(allow default)',
    '(deny network*)',
    ...loopback,
    '(deny file-write*)',
    `(allow file-write* (literal "/dev/null") (literal "/dev/tty") (literal "/dev/dtracehelper") (regex #"^/dev/ttys[0-9]+$"))`,
    `(deny file-read* file-write* ${hidden.map(toFilter).join(' ')})`,
    `(allow file-read* ${[...readable, ...writable].map(toFilter).join(' ')})`,
    `(allow file-write* ${writable.map(toFilter).join(' ')})`,
    `(deny file-write* ${gitMetadata.map(toFilter).join(' ')})`,
    // A place of the session may contain a hidden one as well as lie in one.
    ...hidden
      .filter((path) => writable.some((root) => path.startsWith(`${root}/`)))
      .map((path) => `(deny file-read* file-write* ${toFilter(path)})`),
    ...writable
      .filter((path) => hidden.some((root) => path.startsWith(`${root}/`)))
      .map((path) => `(allow file-read* file-write* ${toFilter(path)})`),
    '(deny process-info* (target others))',
    '(allow process-info* (target same-sandbox))',
    '(deny mach-lookup (global-name "com.apple.SecurityServer") (global-name "com.apple.securityd.xpc"))',
  ].join('\n')
}

/** Seatbelt compares real paths. */
function real(path: string): string {
  return followPath(path)?.real ?? path
}

function toFilter(path: string): string {
  return `(subpath "${path.replaceAll(/["\\]/g, String.raw`\$&`)}")`
}
