import { access, constants, realpath, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import * as path from 'node:path'

export interface ExecutableOptions {
  /** A path that was configured; if it is given, nothing else is looked for. */
  readonly configured: string | null
  /** The directory into which `codesdkd agents install` put this agent's packages; null where there is none. */
  readonly installed: string | null
  /** `PATH` to search last. */
  readonly searchPath: string
}

export interface ExecutablePlaces extends ExecutableOptions {
  /**
   * Where the agent's npm packages keep its program. `resolve` finds a file of a package, seen from the folder of packages
   * that is looked at; throws when it is not there.
   */
  readonly packaged: (resolve: (file: string, from?: string) => string) => string | Promise<string>
  /** Its name on the PATH. */
  readonly command: string
}

/**
 * The executable of an agent: the configured one, else one installed by the daemon, else one in the packages beside the
 * daemon, else one on the PATH. Absolute; null when there is none.
 */
export async function findExecutable({ configured, installed, searchPath, packaged, command }: ExecutablePlaces): Promise<string | null> {
  if (configured !== null) return (await isRunnable(configured)) ? path.resolve(configured) : null
  for (const origin of [...(installed === null ? [] : [path.join(installed, 'package.json')]), import.meta.url]) {
    try {
      const candidate = await packaged((file, from) => createRequire(from ?? origin).resolve(file))
      if (await isRunnable(candidate)) return await realpath(candidate)
    } catch {
      // Not installed here.
    }
  }
  return await findOnPath(command, searchPath)
}

/** A program of this name on the PATH. A relative entry would depend on where the daemon happens to run. */
export async function findOnPath(name: string, searchPath: string): Promise<string | null> {
  for (const directory of searchPath.split(path.delimiter).filter((entry) => path.isAbsolute(entry))) {
    const candidate = path.join(directory, name)
    if (await isRunnable(candidate)) return candidate
  }
  return null
}

/** Scripts of Node need not be executable: they are run by the daemon's own Node. */
async function isRunnable(file: string): Promise<boolean> {
  try {
    await access(file, /\.[cm]?js$/.test(file) ? constants.R_OK : constants.X_OK)
    return (await stat(file)).isFile()
  } catch {
    return false
  }
}
