import { toAllowedPath } from './allowed-path.ts'

/**
 * Checks a working directory: absolute, existing, a directory, by its real path outside the data directory and the
 * system's own file systems, and inside a workspace root where there are any. Returns the real path.
 * Throws `Problem`: `invalid_request`, `cwd_not_allowed`.
 */
export function checkCwd(
  cwd: string,
  { roots, dataDir }: { readonly roots: readonly string[]; readonly dataDir: string },
): Promise<string> {
  return toAllowedPath(cwd, { field: 'cwd', noun: 'working directory', refusal: 'cwd_not_allowed', kind: 'directory', roots, dataDir })
}
