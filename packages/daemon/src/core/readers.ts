import type { Workspace } from './ports.ts'
export function isInside(root: string, path: string): boolean {
  return path === root || path.startsWith(root === '/' ? root : `${root}/`)
}
/** Provisional: nothing is certainly a reader. */
export async function readsOnly(_command: string, _cwd: string, _root: string, _workspace: Workspace): Promise<boolean> {
  return false
}
