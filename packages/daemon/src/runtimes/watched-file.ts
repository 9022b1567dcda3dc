import { watch } from 'node:fs'
import * as path from 'node:path'

/**
 * Calls back whenever something may have happened to a file, until it is disposed of. Where nothing can be watched, nothing is
 * told: who needs to know has to look at other times as well. Never throws.
 */
export function watchFile(file: string, changed: () => void): Disposable {
  try {
    const watcher = watch(path.dirname(file), { persistent: false }, (_, name) => {
      if (name === null || name === path.basename(file)) changed()
    })
    watcher.on('error', () => {})
    return { [Symbol.dispose]: () => watcher.close() }
  } catch {
    return { [Symbol.dispose]: () => {} }
  }
}
