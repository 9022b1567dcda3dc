import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/**
 * Puts a file of ours in its place whole or not at all, and not before its content is on the disk.
 * `temp` is a directory of the same file system. Throws the system's error, and then leaves nothing behind.
 */
export function writeDurably(path: string, content: string | Uint8Array, temp: string): void {
  const draft = join(temp, basename(path))
  try {
    const file = openSync(draft, 'w', 0o600)
    try {
      writeFileSync(file, content)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(draft, path)
  } catch (error) {
    rmSync(draft, { force: true })
    throw error
  }
  syncDirectory(dirname(path))
}

/** Names in a directory survive a power cut only after this. */
export function syncDirectory(path: string): void {
  const directory = openSync(path, 'r')
  try {
    fsyncSync(directory)
  } finally {
    closeSync(directory)
  }
}

/**
 * Makes a directory (0700) if need be, and those above it, so that their names survive a power cut. Throws the system's error. Step by
 * step: Node's own `recursive` never returns where the system denies that an existing parent exists, as /proc does.
 */
export function makeDurably(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    if (isSystemError(error, 'EEXIST')) return
    if (!isSystemError(error, 'ENOENT') || dirname(path) === path) throw error
    makeDurably(dirname(path))
    mkdirSync(path, { mode: 0o700 })
  }
  syncDirectory(dirname(path))
}

/**
 * Creates an empty file (0600) where there is none; SQLite would make it readable for others. It opens no file that
 * exists: closing any descriptor of a database drops this process's locks on it.
 */
export function createPrivate(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch (error) {
    if (!isSystemError(error, 'EEXIST')) throw error
  }
}

export function isSystemError(error: unknown, ...codes: readonly string[]): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'code' in error && (codes.length === 0 || codes.includes(String(error.code)))
}
