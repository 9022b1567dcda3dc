import { chmod } from 'node:fs/promises'
import { findOnPath } from '../executable.ts'
import { writeOwnFile } from '../own-files.ts'

/** Stands where OpenCode would put the ripgrep that it downloads. Exit codes up to 2 would mean that nothing was found. */
const standIn = `#!/bin/sh
echo 'Searching needs ripgrep: install it on this machine, so that there is an rg on the PATH.' >&2
exit 3
`

/**
 * Sees to it that OpenCode searches with the ripgrep of this machine, or with none: it would download one when it finds none on
 * the PATH. Returns the files that it needs for it. `cache`: OpenCode's directory, below `home`; call it before the agent starts.
 */
export async function prepareRipgrep(home: string, cache: readonly string[], searchPath: string): Promise<readonly string[]> {
  const found = await findOnPath('rg', searchPath)
  if (found !== null) return [found]
  await chmod(await writeOwnFile(home, [...cache, 'bin', 'rg'], standIn), 0o700)
  return []
}
