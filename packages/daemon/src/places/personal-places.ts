import { realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { createWorkspace } from './workspace.ts'

/** Where shells, desktops and the daemon itself look for what to run and to obey; the rest stands in the home itself. */
const withStartups = ['', '.config', '.local/share']

/**
 * Where a file that is not there yet would be obeyed outside of any wall: the home of the daemon's user with the directories in it that
 * startup files are made in, and those of the daemon's own `files` that do not exist. Real paths. A home that is missing, somebody
 * else's, or `/`, as those of system users and of some containers are, is none. Never rejects.
 */
export async function findPersonalPlaces(home: string, files: readonly string[] = []): Promise<readonly string[]> {
  const missing = await Promise.all(files.map(async (file) => ((await ownerOf(file)) === null ? [file] : [])))
  const directories = (await isHome(home)) ? withStartups.map((name) => join(home, name)) : []
  const workspace = createWorkspace()
  const real = await Promise.all([...directories, ...missing.flat()].map((path) => workspace.realPath(path)))
  return [...new Set(real.filter((path) => path !== null))]
}

async function isHome(home: string): Promise<boolean> {
  const real = await realpath(home).catch(() => '/')
  return real !== '/' && (await ownerOf(real)) === process.geteuid?.()
}

async function ownerOf(path: string): Promise<number | null> {
  return stat(path).then(
    ({ uid }) => uid,
    () => null,
  )
}
