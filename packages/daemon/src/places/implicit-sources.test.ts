import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, realpath, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createSourceFinder } from './implicit-sources.ts'

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
const rules = [
  { names: ['AGENTS.md', 'CLAUDE.md'], parents: true, needsTrust: false },
  { names: ['.tool/config.json'], parents: false, needsTrust: true },
]

async function withTree(body: (tree: { root: string; cwd: string; outside: string }) => Promise<void>): Promise<void> {
  const outside = await realpath(await mkdtemp(join(tmpdir(), 'codesdkd-sources-')))
  const root = join(outside, 'repository')
  const cwd = join(root, 'a', 'b')
  try {
    await mkdir(join(root, '.git'), { recursive: true })
    await mkdir(join(cwd, '.tool'), { recursive: true })
    await body({ root, cwd, outside })
  } finally {
    await rm(outside, { recursive: true })
  }
}

test('names what the agent reads in the working directory and above it, up to the repository, by hash alone', () =>
  withTree(async ({ root, cwd, outside }) => {
    await writeFile(join(cwd, 'AGENTS.md'), 'here')
    await writeFile(join(cwd, 'CLAUDE.md'), 'not read')
    await writeFile(join(root, 'CLAUDE.md'), 'above')
    await writeFile(join(outside, 'AGENTS.md'), 'not of the repository')
    await writeFile(join(cwd, '.tool', 'config.json'), '{}')
    const found = [
      { name: 'AGENTS.md', obeyed: true, size: 4, sha256: sha256('here') },
      { name: 'CLAUDE.md', obeyed: false, size: 8, sha256: sha256('not read') },
      { name: '../../CLAUDE.md', obeyed: true, size: 5, sha256: sha256('above') },
    ]
    const config = { name: '.tool/config.json', size: 2, sha256: sha256('{}') }
    const find = createSourceFinder()
    expect(await find(cwd, rules, false)).toEqual([...found, { ...config, obeyed: false }])
    expect(await find(cwd, rules, true)).toEqual([...found, { ...config, obeyed: true }])
    expect(await find(cwd, [], true)).toEqual([])
    // That of a work tree is a file.
    await writeFile(join(cwd, '.git'), 'gitdir: elsewhere')
    expect((await find(cwd, rules, true)).map(({ name }) => name)).toEqual(['AGENTS.md', 'CLAUDE.md', '.tool/config.json'])
  }))

test('follows links inside the repository, none out of it, and reads nothing that is too large or no file', () =>
  withTree(async ({ root, cwd, outside }) => {
    await writeFile(join(root, 'AGENTS.md'), 'x'.repeat(1024 * 1024 + 1))
    await writeFile(join(root, 'notes.md'), 'inside')
    await symlink('../../notes.md', join(cwd, 'CLAUDE.md'))
    await writeFile(join(outside, 'secret'), 'outside')
    await symlink(join(outside, 'secret'), join(cwd, 'AGENTS.md'))
    await mkdir(join(cwd, '.tool', 'config.json'))
    expect(await createSourceFinder()(cwd, rules, true)).toEqual([
      { name: 'AGENTS.md', obeyed: true, size: null, sha256: null },
      { name: 'CLAUDE.md', obeyed: false, size: 6, sha256: sha256('inside') },
      { name: '../../AGENTS.md', obeyed: true, size: 1024 * 1024 + 1, sha256: null },
      { name: '.tool/config.json', obeyed: true, size: null, sha256: null },
    ])
  }))

test('a file of the same size and time is not read again, a changed one is', () =>
  withTree(async ({ cwd }) => {
    const file = join(cwd, 'AGENTS.md')
    const find = createSourceFinder()
    const hashNow = async () => (await find(cwd, rules, true))[0]?.sha256
    await writeFile(file, 'one')
    await utimes(file, 1, 1)
    expect(await hashNow()).toBe(sha256('one'))
    const { ino } = await stat(file)
    await writeFile(file, 'two')
    await utimes(file, 1, 1)
    expect([await hashNow(), (await stat(file)).ino]).toEqual([sha256('one'), ino])
    await utimes(file, 2, 2)
    expect(await hashNow()).toBe(sha256('two'))
  }))
