import { readFile } from 'node:fs/promises'
import * as path from 'node:path'
import { findExecutable } from '../executable.ts'
import type { ExecutableOptions } from '../executable.ts'

/** The OpenCode executable. */
export function findOpenCode(options: ExecutableOptions): Promise<string | null> {
  return findExecutable({ ...options, packaged: findPackaged, command: 'opencode' })
}

// `opencode-ai` brings platform packages that hold the program; its own file is a copy made by an install script, which may not have run.
async function findPackaged(resolve: (file: string, from?: string) => string): Promise<string> {
  const origin = attempt(() => resolve('opencode-ai/package.json'))
  const found = (await toPackages()).flatMap((name) => {
    const manifest = attempt(() => resolve(`${name}/package.json`, origin)) ?? attempt(() => resolve(`${name}/package.json`))
    return manifest === undefined ? [] : [path.join(path.dirname(manifest), 'bin', 'opencode')]
  })
  const [executable] = found
  if (executable === undefined) throw new Error('no package of this platform is installed')
  return executable
}

/** The packages that run on this machine, the best first. */
async function toPackages(): Promise<readonly string[]> {
  const libc = process.platform === 'linux' && usesMusl() ? '-musl' : ''
  const name = `opencode-${process.platform}-${process.arch}`
  const baseline = `${name}-baseline${libc}`
  if (process.platform !== 'linux' || process.arch !== 'x64') return [name + libc, baseline]
  const features = await readFile('/proc/cpuinfo', 'latin1').catch(() => '')
  return /\bavx2\b/.test(features) ? [name + libc, baseline] : [baseline]
}

// A Node that was linked to another C library does not name a version of glibc.
function usesMusl(): boolean {
  const report: unknown = process.report?.getReport()
  if (typeof report !== 'object' || report === null || !('header' in report)) return false
  const { header } = report
  return typeof header === 'object' && header !== null && !('glibcVersionRuntime' in header)
}

function attempt<T>(find: () => T): T | undefined {
  try {
    return find()
  } catch {
    return undefined
  }
}
