import * as path from 'node:path'
import { findExecutable } from '../executable.ts'
import type { ExecutableOptions } from '../executable.ts'

/** The Gemini CLI: a script for the daemon's own Node. */
export function findGemini(options: ExecutableOptions): Promise<string | null> {
  return findExecutable({
    ...options,
    packaged: (resolve) => path.join(path.dirname(resolve('@google/gemini-cli/package.json')), 'bundle', 'gemini.js'),
    command: 'gemini',
  })
}
