import { chmodSync, lstatSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { StartFailure } from '../core/start-failure.ts'
import { isSystemError, makeDurably } from './durable-file.ts'
import { takeLock } from './lock.ts'
import { isSqliteError } from './sqlite-error.ts'

/** The directory with everything that outlives the daemon. It is ours alone until it is disposed. */
export interface DataDir extends Disposable {
  /** Absolute. */
  readonly path: string
  /** For files that are not finished: empty at start, on the same file system as the rest. */
  readonly temp: string
}

/** Makes the directory if need be and makes it private (0700), but takes no lock. Its absolute path. Throws `StartFailure`: data_dir_unusable. */
export function makeDataDir(path: string): string {
  const directory = resolve(path)
  return usable(directory, () => {
    makeDurably(directory)
    makePrivate(directory)
    return directory
  })
}

/** Makes the directory ours: private, and locked. Throws `StartFailure`: data_dir_unusable, data_dir_locked. */
export function openDataDir(path: string): DataDir {
  const directory = makeDataDir(path)
  return usable(directory, () => {
    refuseLinks(directory)
    const lock = takeLock(directory)
    try {
      return { path: directory, temp: emptyDirectory(join(directory, 'tmp')), [Symbol.dispose]: () => lock[Symbol.dispose]() }
    } catch (error) {
      lock[Symbol.dispose]()
      throw error
    }
  })
}

/** Who could write here could have prepared anything, so that is refused, not mended; who could only read is shut out. */
function makePrivate(directory: string): void {
  const stats = lstatSync(directory)
  if (stats.isSymbolicLink()) throw unusable(directory, 'is a symbolic link; name the directory itself')
  if (stats.uid !== process.geteuid?.()) throw unusable(directory, `belongs to another user (uid ${stats.uid})`)
  if ((stats.mode & 0o022) !== 0)
    throw unusable(directory, 'can be written by other users; run `chmod go-w` on it if its content can be trusted')
  if ((stats.mode & 0o077) !== 0) chmodSync(directory, stats.mode & 0o700)
}

/** What is written under a name of ours would be written where the link leads. */
function refuseLinks(directory: string): void {
  const link = readdirSync(directory, { withFileTypes: true }).find((entry) => entry.isSymbolicLink())
  if (link !== undefined) throw unusable(directory, `has a symbolic link in it, ${link.name}: put a file or directory in its place`)
}

function emptyDirectory(path: string): string {
  rmSync(path, { recursive: true, force: true })
  mkdirSync(path, { mode: 0o700 })
  return path
}

function unusable(directory: string, what: string, cause?: unknown): StartFailure {
  return new StartFailure('data_dir_unusable', `The data directory ${directory} ${what}.`, { members: { path: directory }, cause })
}

function usable<T>(directory: string, prepare: () => T): T {
  try {
    return prepare()
  } catch (error) {
    if (isSystemError(error) || isSqliteError(error)) throw unusable(directory, `cannot be used: ${error.message}`, error)
    throw error
  }
}
