import { access, constants, readdir, realpath, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import * as path from 'node:path'

export interface ExecutableOptions {
  /** A path that was configured; if it is given, nothing else is looked for. */
  readonly configured: string | null
  /** `PATH` to search last. */
  readonly searchPath: string
}

/** The Codex executable: the configured one, else the native one of a package beside the daemon, else one on the PATH. Absolute; null when there is none. */
export async function findCodex({ configured, searchPath }: ExecutableOptions): Promise<string | null> {
  if (configured !== null) return (await isExecutable(configured)) ? path.resolve(configured) : null
  return (await findPackaged()) ?? (await findOnPath('codex', searchPath))
}

// The package's own `codex` is a script that only starts the native program: one process more, and signals go to the wrong one.
async function findPackaged(): Promise<string | null> {
  try {
    const codex = createRequire(import.meta.url).resolve('@openai/codex/package.json')
    const platform = createRequire(codex).resolve(`@openai/codex-${process.platform}-${process.arch}/package.json`)
    const vendor = path.join(path.dirname(platform), 'vendor')
    for (const triple of await readdir(vendor)) {
      const candidate = path.join(vendor, triple, 'bin', 'codex')
      if (await isExecutable(candidate)) return await realpath(candidate)
    }
  } catch {
    // Not installed here.
  }
  return null
}

async function findOnPath(name: string, searchPath: string): Promise<string | null> {
  // A relative entry would depend on where the daemon happens to run.
  for (const directory of searchPath.split(path.delimiter).filter((entry) => path.isAbsolute(entry))) {
    const candidate = path.join(directory, name)
    if (await isExecutable(candidate)) return candidate
  }
  return null
}

async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK)
    return (await stat(file)).isFile()
  } catch {
    return false
  }
}
