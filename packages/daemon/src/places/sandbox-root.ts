import { toAllowedPath } from './allowed-path.ts'
import type { CheckRoot } from '../core/session-sandbox.ts'

/**
 * The check of the roots that a wall is opened for. What a request wants to write has to lie inside a workspace root where there are
 * any, as its working directory; what it wants to read may lie anywhere, but never inside the data directory.
 */
export function createRootCheck({ roots, dataDir }: { readonly roots: readonly string[]; readonly dataDir: string }): CheckRoot {
  return (path, kind, by) =>
    toAllowedPath(path, {
      field: `${kind}_roots`,
      noun: `${kind} root`,
      refusal: 'root_not_allowed',
      kind: kind === 'writable' ? 'directory' : 'file or directory',
      roots: kind === 'writable' && by === 'asked' ? roots : [],
      dataDir,
    })
}
