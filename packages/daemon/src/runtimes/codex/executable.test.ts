import { chmod, mkdir, mkdtempDisposable, realpath, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { expect, test } from 'vitest'
import { findCodex, toProgramFiles } from './executable.ts'

/** As `npm install --global` leaves it: a link to a script, and the native program in a package of its own. */
async function installGlobally(root: string, { native }: { readonly native: boolean }) {
  const packages = path.join(root, 'lib', 'node_modules', '@openai')
  const platform = path.join(packages, 'codex', 'node_modules', '@openai', `codex-${process.platform}-${process.arch}`)
  const program = path.join(platform, 'vendor', 'triple', 'bin', 'codex')
  const script = path.join(packages, 'codex', 'bin', 'codex.js')
  for (const directory of [path.dirname(program), path.dirname(script), path.join(root, 'bin')]) await mkdir(directory, { recursive: true })
  await writeFile(path.join(packages, 'codex', 'package.json'), '{"name":"@openai/codex"}')
  await writeFile(path.join(platform, 'package.json'), '{}')
  await writeFile(path.join(platform, 'vendor', 'triple', 'codex-package.json'), '{}')
  for (const file of [script, ...(native ? [program] : [])]) {
    await writeFile(file, '#!/bin/sh\n')
    await chmod(file, 0o755)
  }
  await symlink(script, path.join(root, 'bin', 'codex'))
  return { program, link: path.join(root, 'bin', 'codex') }
}

test.each([true, false])('of a script the native program is used, when it is there: %s', async (native) => {
  await using directory = await mkdtempDisposable(path.join(tmpdir(), 'codex-'))
  const { program, link } = await installGlobally(await realpath(directory.path), { native })
  expect(await findCodex({ configured: link, installed: null, searchPath: '' })).toBe(native ? program : link)
})

test('what a package brings along can be read; a program that came alone has nothing', async () => {
  await using directory = await mkdtempDisposable(path.join(tmpdir(), 'codex-'))
  const { program } = await installGlobally(await realpath(directory.path), { native: true })
  expect(await toProgramFiles(program)).toEqual([path.dirname(path.dirname(program))])
  expect(await toProgramFiles(path.join(directory.path, 'bin', 'codex'))).toEqual([])
  expect(await toProgramFiles(null)).toEqual([])
})
