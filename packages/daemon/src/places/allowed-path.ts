import { realpath, stat } from 'node:fs/promises'
import { isAbsolute } from 'node:path'
import { Problem } from '@codesdkd/protocol'
import { isInside } from '../core/policy/readers.ts'

const forbidden = ['/proc', '/sys', '/dev']

export interface PathRules {
  /** The field of the request, for what the client is told. */
  readonly field: string
  /** What the path is, as in "The … is not allowed". */
  readonly noun: string
  readonly refusal: 'cwd_not_allowed' | 'root_not_allowed'
  readonly kind: 'directory' | 'file or directory'
  /** Where it has to lie; anywhere if there are none. */
  readonly roots: readonly string[]
  readonly dataDir: string
}

/**
 * Checks a path of a request: absolute, existing, by its real path outside the data directory and the system's own file systems, and
 * inside one of the roots where there are any. Returns the real path. Throws `Problem`: `invalid_request`, or the refusal.
 */
export async function toAllowedPath(path: string, { field, noun, refusal, kind, roots, dataDir }: PathRules): Promise<string> {
  const members = { field }
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  if (!isAbsolute(path) || /[\u0000-\u001f]/.test(path))
    throw new Problem('invalid_request', `${field} must be an absolute path without control characters.`, { members })
  const real = await realpath(path).catch(() => null)
  // Whether something outside the roots exists is nobody's business.
  if (roots.length > 0 && !(await inAnyRoot(real ?? path, roots)))
    throw new Problem(refusal, `The ${noun} is outside the workspace roots.`, { members })
  if (real === null || !(await isThere(real, kind)))
    throw new Problem('invalid_request', `${field} must be an existing ${kind}.`, { members })
  const owned = [...forbidden, await realpath(dataDir).catch(() => dataDir)]
  if (owned.some((own) => isInside(own, real))) throw new Problem(refusal, `This ${noun} is not allowed.`, { members })
  return real
}

async function isThere(path: string, kind: PathRules['kind']): Promise<boolean> {
  try {
    const stats = await stat(path)
    return stats.isDirectory() || (kind === 'file or directory' && stats.isFile())
  } catch {
    return false
  }
}

async function inAnyRoot(path: string, roots: readonly string[]): Promise<boolean> {
  for (const root of roots) if (isInside(await realpath(root).catch(() => root), path)) return true
  return false
}
