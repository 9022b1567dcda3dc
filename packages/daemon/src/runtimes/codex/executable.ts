import { access, readdir, realpath } from 'node:fs/promises'
import { createRequire } from 'node:module'
import * as path from 'node:path'
import { findExecutable } from '../executable.ts'
import type { ExecutableOptions } from '../executable.ts'

type Resolve = (file: string, from?: string) => string

/** The Codex executable: the native program, wherever its package shows where that is. */
export async function findCodex(options: ExecutableOptions): Promise<string | null> {
  const found = await findExecutable({ ...options, packaged: findPackaged, command: 'codex' })
  return found === null ? null : await findNative(found)
}

/** What the program has to read beside itself: its package brings `rg` and programs that it starts. Never rejects. */
export async function toProgramFiles(executable: string | null): Promise<readonly string[]> {
  if (executable === null) return []
  try {
    const root = path.dirname(path.dirname(await realpath(executable)))
    await access(path.join(root, 'codex-package.json'))
    return [root]
  } catch {
    // It came alone.
    return []
  }
}

// The package's own `codex` is a script that only starts the native program: one process more, and signals go to the wrong one.
async function findNative(executable: string): Promise<string> {
  try {
    const script = await realpath(executable)
    if (path.basename(script) !== 'codex.js') return executable
    const native = await findPackaged((file, from) => createRequire(from ?? script).resolve(file))
    await access(native)
    return native
  } catch {
    return executable
  }
}

async function findPackaged(resolve: Resolve): Promise<string> {
  const codex = resolve('@openai/codex/package.json')
  const platform = resolve(`@openai/codex-${process.platform}-${process.arch}/package.json`, codex)
  const vendor = path.join(path.dirname(platform), 'vendor')
  const [triple = ''] = await readdir(vendor)
  return path.join(vendor, triple, 'bin', 'codex')
}
