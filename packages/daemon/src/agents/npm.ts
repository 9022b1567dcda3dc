import { spawn } from 'node:child_process'
import { dirname } from 'node:path'
import { findOnPath } from '../runtimes/executable.ts'

/** Milliseconds: some agents are hundreds of megabytes. */
const INSTALL_LIMIT = 15 * 60_000

/** The npm beside this node, else the one on the PATH; null when there is none. */
export function findNpm(): Promise<string | null> {
  return findOnPath('npm', `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`)
}

/** Installs packages into a directory; what npm says goes to stderr. They run no program while they are installed. Whether npm was content. */
export async function runNpm(npm: string, directory: string, packages: readonly string[], signal: AbortSignal): Promise<boolean> {
  const flags = ['--prefix', directory, '--no-audit', '--no-fund', '--ignore-scripts', '--save-exact', '--loglevel', 'error']
  const limit = AbortSignal.any([signal, AbortSignal.timeout(INSTALL_LIMIT)])
  const child = spawn(npm, ['install', ...flags, '--', ...packages], { cwd: directory, stdio: ['ignore', 2, 2], signal: limit })
  // That it could not be started, or is ended by the signal, is told by its code. While it is ending it still writes.
  child.on('error', () => {})
  return await new Promise((resolve) => child.once('close', (code) => resolve(code === 0)))
}
