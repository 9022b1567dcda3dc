import { randomUUID } from 'node:crypto'
import { chmod, copyFile, lstat, readlink, realpath, rename, rm, stat, symlink } from 'node:fs/promises'

/**
 * Makes `link` lead to the user's own login file, if there is one. A link and not a copy: refreshing a login makes the
 * older tokens invalid, so there must be only one file.
 */
export async function linkLogin(target: string, link: string): Promise<void> {
  const current = await readlink(link).catch(() => null)
  if (current === target) return
  await bringHome(link, target)
  await rm(link, { force: true })
  const found = await lstat(target).then(
    () => true,
    () => false,
  )
  if (!found) return
  await symlink(target, link).catch((error: unknown) => {
    // Another session of this home was faster.
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  })
}

/** An agent that refreshes a login by replacing the file has put the only valid tokens where its link was. */
async function bringHome(link: string, target: string): Promise<void> {
  const [refreshed, known] = await Promise.all([lstat(link).catch(() => null), stat(target).catch(() => null)])
  if (refreshed?.isFile() !== true || known === null || refreshed.mtimeMs <= known.mtimeMs) return
  const place = await realpath(target)
  const draft = `${place}.${randomUUID()}`
  try {
    await copyFile(link, draft)
    await chmod(draft, 0o600)
    await rename(draft, place)
  } finally {
    await rm(draft, { force: true })
  }
}

/** Whether one of these files is there; their content is not looked at. */
export async function anyExists(files: readonly string[]): Promise<boolean> {
  const found = await Promise.all(
    files.map((file) =>
      stat(file).then(
        () => true,
        () => false,
      ),
    ),
  )
  return found.includes(true)
}
