import { readFileSync } from 'node:fs'

/**
 * Paths of the unix sockets on which something outside listens: a terminal multiplexer's or a container engine's is a way out for
 * whoever can see it, and no mount option forbids to connect. Empty where the system does not tell.
 */
export function readHostSockets(): readonly string[] {
  const paths = new Set<string>()
  for (const line of readTable().split('\n').slice(1)) {
    // Address, references, protocol, flags, type, state, inode, path; an abstract one begins with @.
    const path = /^(?:\S+\s+){7}(\/.*)$/.exec(line)?.[1]
    if (path !== undefined) paths.add(path)
  }
  return [...paths]
}

function readTable(): string {
  try {
    return readFileSync('/proc/net/unix', 'utf8')
  } catch {
    return ''
  }
}
