import { randomUUID } from 'node:crypto'
import { constants, existsSync, readFileSync, renameSync } from 'node:fs'
import { lstat, mkdir, open, readlink, realpath, rename, rm } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import * as path from 'node:path'

/**
 * Files of the daemon in a directory where an agent writes as well. What the agent left there may be links to anywhere, and the
 * daemon writes with the rights of its user: none of these functions follows one. They hold while the agent does not run; some say
 * that they hold also while it does.
 */

/** Makes `root/names…`, all real directories (0700): whatever else an agent has put in the way is removed. `root` itself is trusted. */
export async function makeDirectory(root: string, ...names: readonly string[]): Promise<string> {
  await mkdir(root, { recursive: true, mode: 0o700 })
  let directory = root
  for (const name of names.flatMap((part) => part.split(path.sep))) {
    directory = path.join(directory, name)
    const found = await lstat(directory).catch(() => null)
    if (found?.isDirectory() === true) continue
    await rm(directory, { force: true })
    await mkdir(directory, { mode: 0o700 })
  }
  return directory
}

/** Writes `root/names…` (0600) as a whole or not at all, in place of whatever is there. Returns its path. */
export async function writeOwnFile(root: string, names: readonly string[], content: string): Promise<string> {
  const directory = await makeDirectory(root, ...names.slice(0, -1))
  const file = path.join(directory, names.at(-1) ?? '')
  await clearDirectory(file)
  await replaceFile(file, content)
  return file
}

/** Removes a directory that an agent has put in the place of a file. */
export async function clearDirectory(file: string): Promise<void> {
  if ((await lstat(file).catch(() => null))?.isDirectory() === true) await rm(file, { recursive: true })
}

/**
 * Puts a file (0600) in the place of another, or of a link, as a whole or not at all; rejects where a directory is in the way. Also
 * while the agent runs.
 */
export async function replaceFile(file: string, content: string): Promise<void> {
  await withDraft(file, content, (draft) => rename(draft.path, file))
}

/**
 * Puts a file (0600) in the place of one that says what is known of it, and has it on the disk before the other one is gone. False,
 * and nothing is changed, when that says something else by now, or is gone: who did that has the last word.
 */
export async function replaceKnownFile(file: string, known: string, content: string): Promise<boolean> {
  return await withDraft(file, content, async (draft) => {
    await draft.handle.sync()
    // No promise in between: the look and the exchange are microseconds apart.
    if (!existsSync(file) || readFileSync(file, 'utf8') !== known) return false
    renameSync(draft.path, file)
    return true
  })
}

/** A new file (0600) beside another; it is removed afterwards, unless it has been renamed. */
async function withDraft<T>(file: string, content: string, use: (draft: Draft) => Promise<T>): Promise<T> {
  const draft = `${file}.${randomUUID()}`
  try {
    await using handle = await open(draft, 'wx', 0o600)
    await handle.writeFile(content)
    return await use({ path: draft, handle })
  } finally {
    await rm(draft, { force: true })
  }
}

interface Draft {
  readonly path: string
  readonly handle: FileHandle
}

/**
 * Opens a regular file for reading, if it really lies in `root`; else null. Also while the agent runs: what is looked at is the
 * open file itself.
 */
export async function openInside(root: string, file: string): Promise<FileHandle | null> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(() => null)
  if (handle === null) return null
  try {
    const [opened, trusted] = await Promise.all([realpathOf(handle, file), realpath(root)])
    if (opened.startsWith(trusted + path.sep) && (await handle.stat()).isFile()) return handle
  } catch {
    // It went away meanwhile.
  }
  await handle.close()
  return null
}

// On Linux the kernel tells, also of a file that was replaced meanwhile: it ends in another way then, and begins in the same.
function realpathOf(handle: FileHandle, file: string): Promise<string> {
  return process.platform === 'linux' ? readlink(`/proc/self/fd/${handle.fd}`) : realpath(file)
}
