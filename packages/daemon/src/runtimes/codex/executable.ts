import { readdir } from 'node:fs/promises'
import * as path from 'node:path'
import { findExecutable } from '../executable.ts'
import type { ExecutableOptions } from '../executable.ts'

/** The Codex executable. */
export function findCodex(options: ExecutableOptions): Promise<string | null> {
  return findExecutable({ ...options, packaged: findPackaged, command: 'codex' })
}

// The package's own `codex` is a script that only starts the native program: one process more, and signals go to the wrong one.
async function findPackaged(resolve: (file: string, from?: string) => string): Promise<string> {
  const codex = resolve('@openai/codex/package.json')
  const platform = resolve(`@openai/codex-${process.platform}-${process.arch}/package.json`, codex)
  const vendor = path.join(path.dirname(platform), 'vendor')
  const [triple = ''] = await readdir(vendor)
  return path.join(vendor, triple, 'bin', 'codex')
}
