import { execFileSync } from 'node:child_process'
import { glob, mkdir, readFile, readdir, rename, symlink } from 'node:fs/promises'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')
const scope = '@codesdkd'

/**
 * The daemon as npm would install it, made of the working tree in an empty folder, without asking a registry: our packages unpacked, all
 * others as links to those that are here. Resolves with its executable.
 */
export async function packDaemon(folder: string): Promise<string> {
  const modules = join(folder, 'node_modules')
  await mkdir(join(modules, scope), { recursive: true })
  execFileSync(process.execPath, [join(root, 'scripts/pack.ts'), folder], { stdio: ['ignore', 'ignore', 'inherit'] })
  for await (const file of glob(join(folder, '*.tgz'))) {
    execFileSync('tar', ['-xzf', file, '-C', folder])
    const { name } = JSON.parse(await readFile(join(folder, 'package/package.json'), 'utf8')) as { readonly name: string }
    await rename(join(folder, 'package'), join(modules, name))
  }
  for (const name of await readdir(join(root, 'node_modules')))
    if (!name.startsWith('.') && name !== scope && name !== 'codesdkd') await symlink(join(root, 'node_modules', name), join(modules, name))
  return join(modules, 'codesdkd/bin/codesdkd.js')
}
