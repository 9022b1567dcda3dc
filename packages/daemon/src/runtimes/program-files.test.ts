import { mkdir, mkdtempDisposable, realpath, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { expect, test } from 'vitest'
import { findProgramFiles } from './program-files.ts'

/** Makes files in a new directory; a value that is an object is written as JSON. */
async function lay(files: Readonly<Record<string, object>>) {
  const folder = await mkdtempDisposable(path.join(await realpath(tmpdir()), 'program-'))
  for (const [name, content] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(folder.path, name)), { recursive: true })
    await writeFile(path.join(folder.path, name), JSON.stringify(content))
  }
  return folder
}

test('an installed program brings its package, and its dependencies where it has some', async () => {
  await using folder = await lay({
    'lib/node_modules/alone/package.json': { name: 'alone', dependencies: {} },
    'lib/node_modules/alone/dist/package.json': { type: 'module' },
    'lib/node_modules/alone/dist/cli.js': {},
    'lib/node_modules/@scope/more/package.json': { name: '@scope/more', dependencies: { alone: '1' } },
    'lib/node_modules/@scope/more/cli.js': {},
    'bin/none': {},
  })
  const at = (name: string) => path.join(folder.path, name)
  await symlink('../lib/node_modules/alone/dist/cli.js', at('bin/alone'))
  const modules = at('lib/node_modules')
  expect(await findProgramFiles(at('bin/alone'))).toEqual([path.join(modules, 'alone')])
  expect(await findProgramFiles(at('lib/node_modules/@scope/more/cli.js'))).toEqual([path.join(modules, '@scope/more'), modules])
})

test('a manifest above a program brings it only if it names it', async () => {
  await using folder = await lay({
    'package.json': { name: 'home-of-somebody', bin: { own: './own.js' } },
    'own.js': {},
    'tools/agent': {},
    'checkout/package.json': { name: 'checkout', bin: 'run.js', main: 'lib.js' },
    'checkout/run.js': {},
  })
  const at = (name: string) => path.join(folder.path, name)
  expect(await findProgramFiles(at('tools/agent'))).toEqual([])
  expect(await findProgramFiles(at('nowhere'))).toEqual([])
  expect(await findProgramFiles(at('checkout/run.js'))).toEqual([at('checkout')])
  expect(await findProgramFiles(at('own.js'))).toEqual([folder.path])
})
