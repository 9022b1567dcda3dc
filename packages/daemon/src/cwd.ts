import { realpath, stat } from 'node:fs/promises'
import { isAbsolute } from 'node:path'
import { Problem } from '@codesdkd/protocol'
import { isInside } from './core/policy/readers.ts'

const forbidden = ['/proc', '/sys', '/dev']

/**
 * Checks a working directory: absolute, existing, a directory, by its real path outside the data directory and the
 * system's own file systems, and inside a workspace root where there are any. Returns the real path.
 * Throws `Problem`: `invalid_request`, `cwd_not_allowed`.
 */
export async function checkCwd(
  cwd: string,
  { roots, dataDir }: { readonly roots: readonly string[]; readonly dataDir: string },
): Promise<string> {
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  if (!isAbsolute(cwd) || /[\u0000-\u001f]/.test(cwd))
    throw new Problem('invalid_request', 'cwd must be an absolute path without control characters.', { members: { field: 'cwd' } })
  const real = await realpath(cwd).catch(() => null)
  const there =
    real !== null &&
    (await stat(real).then(
      (stats) => stats.isDirectory(),
      () => false,
    ))
  const outside = roots.length > 0 && !(await inAnyRoot(real ?? cwd, roots))
  // Whether something outside the roots exists is nobody's business.
  if (outside) throw new Problem('cwd_not_allowed', 'The working directory is outside the workspace roots.', { members: { field: 'cwd' } })
  if (real === null || !there) throw new Problem('invalid_request', 'cwd must be an existing directory.', { members: { field: 'cwd' } })
  const owned = [...forbidden, await realpath(dataDir).catch(() => dataDir)]
  if (owned.some((path) => isInside(path, real)))
    throw new Problem('cwd_not_allowed', 'This working directory is not allowed.', { members: { field: 'cwd' } })
  return real
}

async function inAnyRoot(path: string, roots: readonly string[]): Promise<boolean> {
  for (const root of roots) if (isInside(await realpath(root).catch(() => root), path)) return true
  return false
}
