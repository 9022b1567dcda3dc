import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { createWorkspace } from './workspace.ts'

const base = realpathSync(mkdtempSync(join(tmpdir(), 'codesdkd-workspace-')))
afterAll(() => rmSync(base, { recursive: true, force: true }))

let root = base
let count = 0
beforeEach(() => {
  root = join(base, String(count++))
  mkdirSync(join(root, 'home'), { recursive: true })
})

const at = (...parts: readonly string[]) => join(root, ...parts)

describe('realPath', () => {
  const { realPath } = createWorkspace()

  it('follows links as the system does', async () => {
    mkdirSync(at('a/b'), { recursive: true })
    mkdirSync(at('x/y'), { recursive: true })
    writeFileSync(at('x/f'), '')
    symlinkSync('../x/y', at('a/up'))
    symlinkSync(at('x'), at('a/far'))
    symlinkSync('far/f', at('a/chain'))
    expect(await realPath(at('a/up'))).toBe(at('x/y'))
    // Concatenated: `join` would resolve `..` before the link is followed.
    expect(await realPath(`${at('a/up')}/..`)).toBe(at('x'))
    expect(await realPath(`${at('a/up')}/../f`)).toBe(at('x/f'))
    expect(await realPath(at('a/chain'))).toBe(at('x/f'))
    expect(await realPath(`${at('a')}//.///b/.`)).toBe(at('a/b'))
    expect(await realPath('/../..')).toBe('/')
  })

  it('joins what does not exist to its nearest parent', async () => {
    symlinkSync(at('nowhere'), at('dangling'))
    expect(await realPath(at('no/such/file'))).toBe(at('no/such/file'))
    expect(await realPath(at('dangling'))).toBe(at('nowhere'))
    expect(await realPath(at('dangling/x'))).toBe(at('nowhere/x'))
    expect(await realPath(`${at('no')}/../etc`)).toBeNull()
  })

  it.each(['/proc/self/cwd', '/proc', '/dev/stdin', '/dev/fd/0', 'relative', '', '.', '/a\0b'])('cannot tell %j', async (path) =>
    expect(await realPath(path)).toBeNull(),
  )

  it('cannot tell where a link through /proc or a circle leads', async () => {
    symlinkSync('/proc/self/cwd', at('self'))
    symlinkSync('loop', at('loop'))
    expect(await realPath(at('self/x'))).toBeNull()
    expect(await realPath(at('loop'))).toBeNull()
  })

  it('agrees with the system about every path that exists', async () => {
    const names = ['a', 'b', 'c', '..', '.']
    const path = fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 5 }).map((parts) => parts.join('/'))
    const entry = fc.record({ name: fc.constantFrom('a', 'b', 'c'), within: fc.constantFrom('.', 'a', 'b'), target: fc.option(path) })
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { maxLength: 6 }), fc.array(path, { maxLength: 6 }), async (entries, paths) => {
        const tree = mkdtempSync(at('tree-'))
        for (const { name, within, target } of entries) {
          const place = join(tree, within, name)
          if (existsSync(place) || !existsSync(join(tree, within))) continue
          try {
            if (target === null) mkdirSync(place)
            else symlinkSync(target, place)
          } catch {
            // The name is taken by a link that leads nowhere.
          }
        }
        for (const asked of paths) {
          const full = `${tree}/${asked}`
          let expected: string
          try {
            expected = realpathSync.native(full)
          } catch {
            continue
          }
          expect([asked, await realPath(full)]).toEqual([asked, expected])
        }
      }),
      { numRuns: 200 },
    )
  })
})

/** A repository with two commits of one file and a change that is not committed; its git sees no configuration but its own. */
function createRepository(name = 'repo') {
  const directory = at(name)
  const env = { PATH: process.env['PATH'], HOME: at('home'), GIT_CONFIG_NOSYSTEM: '1', LC_ALL: 'C' }
  const git = (...args: readonly string[]) =>
    execFileSync('git', ['-c', 'user.name=n', '-c', 'user.email=e@x', '-c', 'protocol.file.allow=always', ...args], {
      cwd: directory,
      env,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  mkdirSync(directory)
  git('init', '-q', '-b', 'main')
  for (const text of ['one\n', 'two\n']) {
    writeFileSync(join(directory, 'f.txt'), text)
    git('add', '.')
    git('commit', '-qm', text.trim())
  }
  writeFileSync(join(directory, 'f.txt'), 'six\n')
  const marker = at('marker')
  const program = at('program.sh')
  writeFileSync(program, `#!/bin/sh\ntouch ${marker}\n`)
  chmodSync(program, 0o755)
  const write = (path: string, text: string) => writeFileSync(join(directory, path), text)
  return { directory, env, git, marker, program, write, workspace: createWorkspace({ environment: env }) }
}

type Repository = ReturnType<typeof createRepository>

/** A commit whose signature git has to check. */
function commitSigned({ git, directory, env }: Repository): void {
  const tree = git('rev-parse', 'HEAD^{tree}').trim()
  const commit = `tree ${tree}\nauthor n <e@x> 1 +0000\ncommitter n <e@x> 1 +0000\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----\n\nsigned\n`
  const id = spawnSync('git', ['hash-object', '-t', 'commit', '-w', '--stdin'], {
    cwd: directory,
    env,
    input: commit,
    encoding: 'utf8',
  }).stdout.trim()
  git('update-ref', 'refs/heads/main', id)
}

function addSubmodule(repository: Repository): void {
  const inner = createRepository('inner')
  inner.git('checkout', '-q', '.')
  repository.git('submodule', '--quiet', 'add', inner.directory, 'inner')
  repository.git('commit', '-qm', 'submodule')
  execFileSync('git', ['config', 'core.fsmonitor', repository.program], { cwd: join(repository.directory, 'inner'), env: repository.env })
}

function loseObject({ git, directory, program }: Repository): void {
  const id = git('rev-parse', 'HEAD:f.txt').trim()
  git('config', 'core.repositoryFormatVersion', '1')
  git('config', 'extensions.partialClone', 'origin')
  git('config', 'remote.origin.promisor', 'true')
  git('config', 'remote.origin.url', `ext::${program}`)
  git('config', 'protocol.ext.allow', 'always')
  rmSync(join(directory, '.git/objects', id.slice(0, 2), id.slice(2)))
}

function plantHook({ directory, program, write }: Repository, hooks: string): void {
  // Git writes its index, and so runs the hook, when a file looks changed and is not.
  write('f.txt', 'two\n')
  utimesSync(join(directory, 'f.txt'), 1, 1)
  mkdirSync(join(directory, hooks), { recursive: true })
  rmSync(join(directory, hooks, 'post-index-change'), { force: true })
  symlinkSync(program, join(directory, hooks, 'post-index-change'))
}

/** Each plants a program; `proof` is a reading command that runs it. */
const traps: readonly { readonly name: string; readonly plant: (repository: Repository) => void; readonly proof: readonly string[] }[] = [
  { name: 'core.fsmonitor', plant: ({ git, program }) => git('config', 'core.fsmonitor', program), proof: ['status'] },
  { name: 'diff.external', plant: ({ git, program }) => git('config', 'diff.external', program), proof: ['diff'] },
  {
    name: 'a diff driver',
    plant: ({ git, write, program }) => {
      git('config', 'diff.x.command', program)
      write('.gitattributes', '*.txt diff=x\n')
    },
    proof: ['diff'],
  },
  {
    name: 'a textconv of a driver with a dotted name, from info/attributes',
    plant: ({ git, write, program }) => {
      git('config', 'diff.x.y.textconv', program)
      write('.git/info/attributes', '*.txt diff=x.y\n')
    },
    proof: ['log', '-p'],
  },
  {
    name: 'a clean filter',
    plant: ({ git, write, program }) => {
      git('config', 'filter.x.clean', program)
      write('.gitattributes', '*.txt filter=x\n')
    },
    proof: ['status'],
  },
  {
    name: 'a filter process',
    plant: ({ git, write, program }) => {
      git('config', 'filter.x.process', program)
      write('.gitattributes', '*.txt filter=x\n')
    },
    proof: ['diff'],
  },
  { name: 'a hook', plant: (repository) => plantHook(repository, '.git/hooks'), proof: ['status'] },
  {
    name: 'a hook elsewhere',
    plant: (repository) => {
      plantHook(repository, 'hooks')
      repository.git('config', 'core.hooksPath', 'hooks')
    },
    proof: ['status'],
  },
  {
    name: 'signatures in the log',
    plant: (repository) => {
      commitSigned(repository)
      repository.git('config', 'gpg.program', repository.program)
      repository.git('config', 'log.showSignature', 'true')
    },
    proof: ['log'],
  },
  {
    name: 'signatures in a format',
    plant: (repository) => {
      commitSigned(repository)
      repository.git('config', 'gpg.program', repository.program)
      repository.git('config', 'format.pretty', '%h %G?')
    },
    proof: ['log'],
  },
  {
    name: 'signatures in a named format',
    plant: (repository) => {
      commitSigned(repository)
      repository.git('config', 'gpg.program', repository.program)
      repository.git('config', 'pretty.mine', '%GS')
    },
    proof: ['log', '--format=mine'],
  },
  {
    name: 'an included file',
    plant: ({ git, write, program }) => {
      write('.git/more', `[diff]\n\texternal = ${program}\n`)
      git('config', 'include.path', 'more')
    },
    proof: ['diff'],
  },
  {
    name: 'a file included on a condition',
    plant: ({ git, write, program }) => {
      write('.git/more', `[diff]\n\texternal = ${program}\n`)
      git('config', 'includeIf.onbranch:main.path', 'more')
    },
    proof: ['diff'],
  },
  {
    name: 'the configuration of the user',
    plant: ({ program }) => writeFileSync(at('home/.gitconfig'), `[diff]\n\texternal = ${program}\n`),
    proof: ['diff'],
  },
  {
    name: 'the configuration of the work tree',
    plant: ({ git, program }) => {
      git('config', 'extensions.worktreeConfig', 'true')
      git('config', '--worktree', 'diff.external', program)
    },
    proof: ['diff'],
  },
  { name: 'a submodule', plant: addSubmodule, proof: ['status'] },
  { name: 'a promised object', plant: loseObject, proof: ['show', 'HEAD'] },
]

describe('gitRunsPrograms', () => {
  it('is false for a plain repository, from everywhere in it', async () => {
    const { directory, workspace, git } = createRepository()
    mkdirSync(join(directory, 'sub'))
    git('config', 'core.fsmonitor', 'false')
    git('config', 'core.pager', 'cat')
    git('config', 'pager.log', 'false')
    git('config', 'alias.x', '!touch marker')
    git('config', 'core.editor', 'vi')
    git('config', 'format.pretty', 'oneline')
    expect(await workspace.gitRunsPrograms(directory)).toBe(false)
    expect(await workspace.gitRunsPrograms(join(directory, 'sub'))).toBe(false)
  })

  it.each(traps)('sees $name', async ({ plant, proof }) => {
    const repository = createRepository()
    plant(repository)
    expect(existsSync(repository.marker)).toBe(false)
    expect(await repository.workspace.gitRunsPrograms(repository.directory)).toBe(true)
    expect(existsSync(repository.marker)).toBe(false)
    spawnSync('git', proof, { cwd: repository.directory, env: repository.env, stdio: 'ignore', timeout: 10_000 })
    expect(existsSync(repository.marker)).toBe(true)
  })

  it('sees a pager, which runs on a terminal', async () => {
    for (const key of ['core.pager', 'pager.log', 'pager.diff']) {
      const { directory, workspace, git } = createRepository(key)
      git('config', key, 'less -R')
      expect(await workspace.gitRunsPrograms(directory)).toBe(true)
    }
  })

  it.each([
    ['hook.x.command', 'id'],
    ['merge.x.driver', 'id'],
    ['core.alternateRefsCommand', 'id'],
    ['trace2.eventTarget', '/tmp/x'],
    ['core.fsmonitor', 'true'],
  ])('sees %s', async (key, value) => {
    const { directory, workspace, git } = createRepository()
    git('config', key, value)
    expect(await workspace.gitRunsPrograms(directory)).toBe(true)
  })

  it.each([
    ['no repository', () => at('home')],
    ['no directory', () => at('nowhere')],
  ])('is true where there is %s', async (_what, place) => {
    expect(await createWorkspace().gitRunsPrograms(place())).toBe(true)
  })

  it('is true for a configuration that git cannot read, and without git', async () => {
    const { directory, workspace, write } = createRepository()
    expect(await createWorkspace({ environment: { PATH: at('home') } }).gitRunsPrograms(directory)).toBe(true)
    write('.git/config', '[core')
    expect(await workspace.gitRunsPrograms(directory)).toBe(true)
  })
})

describe('gitDirectories', () => {
  it('are the work tree and the store', async () => {
    const { directory, workspace } = createRepository()
    mkdirSync(join(directory, 'sub'))
    expect(new Set(await workspace.gitDirectories(join(directory, 'sub')))).toEqual(new Set([directory, join(directory, '.git')]))
  })

  it('are where a .git file and a linked work tree lead', async () => {
    const { directory, workspace, git } = createRepository()
    git('worktree', 'add', '-q', at('linked'))
    mkdirSync(at('pointing'))
    writeFileSync(at('pointing/.git'), `gitdir: ${directory}/.git\n`)
    expect(await workspace.gitDirectories(at('linked'))).toContain(join(directory, '.git'))
    expect(await workspace.gitDirectories(at('pointing'))).toContain(join(directory, '.git'))
  })

  it('cannot be told of a store that borrows objects, a bare one, and none', async () => {
    const { directory, workspace, git, env } = createRepository()
    git('clone', '-q', '--shared', directory, at('borrowing'))
    git('clone', '-q', '--bare', directory, at('bare'))
    const plain = createWorkspace({ environment: env })
    expect(readdirSync(at('borrowing'))).toContain('f.txt')
    expect(await plain.gitDirectories(at('borrowing'))).toBeNull()
    expect(await plain.gitDirectories(at('bare'))).toBeNull()
    expect(await plain.gitDirectories(at('home'))).toBeNull()
    expect(await workspace.gitDirectories(directory)).not.toBeNull()
  })
})
