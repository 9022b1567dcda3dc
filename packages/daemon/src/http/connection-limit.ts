import { readFileSync } from 'node:fs'

const OWN = 512

/**
 * How many connections may be open at once: all but 512 of the descriptors that this process may have, or a quarter where that is more, so that
 * clients never take those with which it starts agents and reads files. Null where the system does not tell.
 */
export function readConnectionLimit(): number | null {
  try {
    return toConnectionLimit(readFileSync('/proc/self/limits', 'latin1'))
  } catch {
    return null
  }
}

/** From `/proc/self/limits`: `Max open files  soft  hard  files`. Node has raised the soft limit to the hard one. */
export function toConnectionLimit(limits: string): number | null {
  const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1]
  if (soft === undefined) return null
  return Math.max(1, Math.floor(Number(soft) / 4), Number(soft) - OWN)
}
