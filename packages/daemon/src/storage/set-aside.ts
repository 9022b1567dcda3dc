import { mkdirSync, renameSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { DataDir } from './data-dir.ts'
import { isSystemError, syncDirectory } from './durable-file.ts'

/** Moves a database and what belongs to it into a directory of its own below the data directory, which it returns. Nothing is deleted. Throws the system's error. */
export function setLogAside(dir: DataDir, file: string): string {
  const directory = makeNext(join(dir.path, 'damaged'))
  for (const suffix of ['', '-wal', '-shm', '-journal']) {
    try {
      renameSync(`${file}${suffix}`, join(directory, `${basename(file)}${suffix}`))
    } catch (error) {
      if (!isSystemError(error, 'ENOENT')) throw error
    }
  }
  syncDirectory(directory)
  syncDirectory(dir.path)
  return directory
}

function makeNext(path: string): string {
  for (let number = 1; ; number++) {
    const directory = `${path}-${number}`
    try {
      mkdirSync(directory, { mode: 0o700 })
      return directory
    } catch (error) {
      if (!isSystemError(error, 'EEXIST')) throw error
    }
  }
}
