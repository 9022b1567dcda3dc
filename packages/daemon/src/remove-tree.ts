import { chmod, lstat, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * Removes `root/names…` and all below it. Agents have written there: no link is followed, neither on the way nor below. `root` itself is
 * trusted. Nothing to remove is no error. Rejects with the system's error. For trees in which nobody writes any more.
 */
export async function removeTree(root: string, ...names: readonly string[]): Promise<void> {
  let path = root
  for (const name of names.slice(0, -1)) {
    path = join(path, name)
    const found = await statOf(path)
    if (found === null) return
    if (!found.isDirectory()) throw new Error(`${path} is no directory; nothing below it was removed.`)
  }
  const target = join(path, names.at(-1) ?? '')
  try {
    await rm(target, { recursive: true, force: true, maxRetries: 3 })
  } catch (error) {
    if (!isDenied(error)) throw error
    await makeWritable(target)
    await rm(target, { recursive: true, force: true, maxRetries: 3 })
  }
}

/** Only root removes what lies in a directory without leave to write it, as the module cache of Go is. */
async function makeWritable(path: string): Promise<void> {
  if ((await statOf(path))?.isDirectory() !== true) return
  await chmod(path, 0o700)
  for (const entry of await readdir(path, { withFileTypes: true })) if (entry.isDirectory()) await makeWritable(join(path, entry.name))
}

async function statOf(path: string) {
  return lstat(path).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  })
}

function isDenied(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EACCES' || error.code === 'EPERM')
}
