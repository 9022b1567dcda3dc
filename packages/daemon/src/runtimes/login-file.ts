import { lstat, readlink, rm, stat, symlink } from 'node:fs/promises'

/**
 * Makes `link` lead to the user's own login file, if there is one. A link and not a copy: refreshing a login makes the
 * older tokens invalid, so there must be only one file.
 */
export async function linkLogin(target: string, link: string): Promise<void> {
  const current = await readlink(link).catch(() => null)
  if (current === target) return
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
