import { closeSync, constants, fstatSync, lstatSync, openSync, readlinkSync } from 'node:fs'

/**
 * Which file a real path names now, as `device:inode`; what is opened is the very file, and its path is asked for again, so that nobody can
 * have put a link on the way. Throws where the path is gone or leads elsewhere.
 */
export function readIdentity(real: string): string {
  const fd = open(real)
  if (fd === null) return toText(lstatSync(real, { bigint: true }))
  try {
    if (readlinkSync(`/proc/self/fd/${fd}`) !== real) throw new Error(`${real} leads elsewhere now`)
    return toText(fstatSync(fd, { bigint: true }))
  } finally {
    closeSync(fd)
  }
}

/** Null for what exists and cannot be opened: a socket, a file of somebody else's. */
function open(real: string): number | null {
  try {
    return openSync(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch {
    return null
  }
}

function toText({ dev, ino }: { readonly dev: bigint; readonly ino: bigint }): string {
  return `${dev}:${ino}`
}
