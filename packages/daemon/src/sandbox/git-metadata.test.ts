import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { findGitMetadata } from './git-metadata.ts'
import { Ground } from './testing/walled.ts'

const identity = {
  GIT_AUTHOR_NAME: 'a',
  GIT_AUTHOR_EMAIL: 'a@example.com',
  GIT_COMMITTER_NAME: 'a',
  GIT_COMMITTER_EMAIL: 'a@example.com',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
}

function git(cwd: string, ...args: readonly string[]): string {
  return execFileSync('git', ['-c', 'protocol.file.allow=always', ...args], {
    cwd,
    env: { PATH: process.env['PATH'], HOME: cwd, ...identity },
    encoding: 'utf8',
    stdio: 'pipe',
  })
}

function makeRepository(directory: string): void {
  git(directory, 'init', '--quiet', '--initial-branch', 'main')
  writeFileSync(join(directory, 'file'), 'one\n')
  git(directory, 'add', '.')
  git(directory, 'commit', '--quiet', '--message', 'first')
}

const find = (directory: string) => findGitMetadata(directory, { home: '/nonexistent', hidden: [] })

describe.skipIf(process.platform !== 'linux')('of a repository behind the wall', () => {
  test('the usual work is done', async () => {
    using ground = new Ground()
    makeRepository(ground.workspace)
    const script = `set -e
      git switch --quiet --create topic; echo two > file; git commit --quiet --all --message second
      echo three > file; git stash --quiet; git switch --quiet main; git merge --quiet topic; git stash pop --quiet
      git commit --quiet --all --message third; git tag t; git switch --quiet topic; git rebase --quiet main; git gc --quiet
      git switch --quiet main; git branch --quiet --delete topic
      git log --format=%s; git status --porcelain`
    const ended = await ground.inside(script, { env: identity })
    expect(ended).toMatchObject({ code: 0, stdout: 'third\nsecond\nfirst\n' })
    expect(git(ground.workspace, 'fsck', '--no-dangling')).toBe('')
  })

  test.each([
    ['a hook', 'echo x > .git/hooks/pre-commit'],
    ['the configuration', 'git config core.fsmonitor x || echo x >> .git/config'],
    ['a replaced configuration', 'cp .git/config new; mv new .git/config'],
    ['the configuration of a worktree', 'echo x > .git/config.worktree'],
    ['replaced hooks', 'mv .git/hooks old && mkdir .git/hooks'],
    ['a replaced store', 'mv .git old'],
    ['a removed store', 'rm -rf .git; mkdir .git && echo x > .git/hooks/x'],
    ['the hooks of a submodule', 'echo x > .git/modules/sub/hooks/x'],
    ['the configuration of a submodule', 'echo x >> .git/modules/sub/config'],
    ['the store of a submodule', 'echo "gitdir: /tmp" > sub/.git'],
    ['the store of a linked worktree', 'echo /tmp > .git/worktrees/linked/commondir'],
    ['a linked worktree', 'mv .git/worktrees/linked .git/worktrees/old'],
    ['the hooks of a repository beside', 'echo x > nested/.git/hooks/x'],
    ['another common directory', 'cp -r .git other; echo ../other > .git/commondir'],
    ['another common directory of a submodule', 'cp -r .git other; echo ../../../other > .git/modules/sub/commondir'],
    ['hooks of the work tree', 'echo x > .husky/pre-commit'],
    ['an included file', 'echo x > included'],
  ])('%s cannot be written', async (_what, script) => {
    using ground = new Ground()
    const { workspace } = ground
    makeRepository(workspace)
    mkdirSync(join(ground.outside, 'origin'))
    makeRepository(join(ground.outside, 'origin'))
    git(workspace, 'submodule', '--quiet', 'add', join(ground.outside, 'origin'), 'sub')
    git(workspace, 'worktree', 'add', '--quiet', join(ground.outside, 'linked'))
    mkdirSync(join(workspace, 'nested'))
    makeRepository(join(workspace, 'nested'))
    mkdirSync(join(workspace, '.husky'))
    writeFileSync(join(workspace, 'included'), '')
    git(workspace, 'config', 'core.hooksPath', '.husky')
    git(workspace, 'config', 'include.path', '../included')
    const before = snapshot(workspace)
    const ended = await ground.inside(script, { env: identity })
    expect(ended.code).not.toBe(0)
    // What was missing is there now, and empty.
    expect(snapshot(workspace)).toEqual(before)
  })

  test('known gap: what git of the user replaces while an agent runs, that agent can write from then on', async () => {
    using ground = new Ground()
    makeRepository(ground.workspace)
    const child = ground.start(
      ground.enclose(ground.command('echo ready; read go; echo "# agent" >> .git/config; echo x > .git/commondir')),
    )
    await once(child.stdout, 'data')
    // The kernel takes a mount away when its mount point is replaced from outside.
    git(ground.workspace, 'config', 'user.name', 'a')
    child.stdin.end('\n')
    await once(child, 'exit')
    expect(readFileSync(join(ground.workspace, '.git/config'), 'utf8')).toContain('# agent')
    expect(readFileSync(join(ground.workspace, '.git/commondir'), 'utf8')).toBe('.\n')
  })

  test('hooks that are missing cannot be made', async () => {
    using ground = new Ground()
    makeRepository(ground.workspace)
    rmSync(join(ground.workspace, '.git', 'hooks'), { recursive: true })
    const ended = await ground.inside('mkdir -p .git/hooks; echo x > .git/hooks/pre-commit', { env: identity })
    expect(ended.code).not.toBe(0)
    expect(readdirSync(join(ground.workspace, '.git', 'hooks'))).toEqual([])
  })

  test('nothing can be written where the hooks are a link', async () => {
    using ground = new Ground()
    const { workspace } = ground
    makeRepository(workspace)
    rmSync(join(workspace, '.git', 'hooks'), { recursive: true })
    symlinkSync('../elsewhere', join(workspace, '.git', 'hooks'))
    const ended = await ground.inside('ln -sfn /tmp .git/hooks', { env: identity })
    expect(ended.code).not.toBe(0)
  })
})

/** Contents of what git runs or is led by. */
function snapshot(workspace: string): readonly (readonly [string, string])[] {
  const led = ['config', 'modules/sub/config', 'worktrees/linked/commondir', 'worktrees/linked/gitdir'].map((name) => `.git/${name}`)
  const directories = ['.git/hooks', '.git/modules/sub/hooks', 'nested/.git/hooks', '.husky']
  return [
    ...['sub/.git', 'included', ...led].map((name) => [name, readFileSync(join(workspace, name), 'utf8')] as const),
    ...directories.map((name) => [name, readdirSync(join(workspace, name)).join(' ')] as const),
    ...['config.worktree', 'commondir', 'modules/sub/commondir'].map((name) => {
      const file = join(workspace, '.git', name)
      // What the wall has put there is what git takes for nothing.
      return [name, existsSync(file) ? readFileSync(file, 'utf8').replace(/^\.\n$/, '') : ''] as const
    }),
  ]
}

describe('a common directory', () => {
  const commondir = (store: string) => find(store).absent.some(({ path }) => path === join(store, '.git/commondir'))

  test('is named by the wall where git takes that for none', () => {
    using ground = new Ground()
    makeRepository(ground.workspace)
    expect(commondir(ground.workspace)).toBe(true)
  })

  test.each([
    ['core.worktree', '..'],
    ['core.bare', 'true'],
    ['extensions.refStorage', 'reftable'],
  ])('is not where the store has %s, which would mean something else', (key, value) => {
    using ground = new Ground()
    makeRepository(ground.workspace)
    git(ground.workspace, 'config', key, value)
    expect(commondir(ground.workspace)).toBe(false)
  })

  test('that an agent has left is looked into, since git obeys what is there', async () => {
    using ground = new Ground()
    const { workspace } = ground
    makeRepository(workspace)
    await ground.inside('cp -r .git other')
    rmSync(join(workspace, '.git/commondir'))
    writeFileSync(join(workspace, '.git/commondir'), '../other\n')
    const ended = await ground.inside('echo x >> other/config || echo x > other/hooks/x || echo x > .git/commondir || echo held')
    expect(ended).toMatchObject({ code: 0, stdout: 'held\n' })
  })
})

describe('a `.git` file', () => {
  test('of a linked worktree leads to its stores', async () => {
    using ground = new Ground()
    const main = ground.outside
    makeRepository(main)
    rmSync(ground.workspace, { recursive: true })
    git(main, 'worktree', 'add', '--quiet', ground.workspace)
    expect(find(ground.workspace).writable).toEqual([join(main, '.git'), join(main, '.git/worktrees/workspace')])
    const script = `set -e
      echo two > file; git commit --quiet --all --message second; git switch --quiet --create other
      (echo x > ${main}/.git/hooks/x) || (echo /tmp > ${main}/.git/worktrees/workspace/commondir) || cat ${main}/file || echo held`
    expect(await ground.inside(script, { env: identity })).toMatchObject({ code: 0, stdout: 'held\n' })
    expect(git(main, 'log', '--format=%s', 'other')).toBe('second\nfirst\n')
  })

  test('of a submodule leads to its store', () => {
    using ground = new Ground()
    mkdirSync(join(ground.outside, 'origin'))
    makeRepository(join(ground.outside, 'origin'))
    makeRepository(ground.workspace)
    git(ground.workspace, 'submodule', '--quiet', 'add', join(ground.outside, 'origin'), 'sub')
    expect(find(join(ground.workspace, 'sub')).writable).toEqual([join(ground.workspace, '.git/modules/sub')])
  })

  test.each(['a directory', 'a repository', 'a worktree of another place', 'a forged worktree of a repository', 'a hidden place'])(
    'that leads to %s is not believed',
    (what) => {
      using ground = new Ground()
      const { workspace, outside } = ground
      const repository = join(outside, 'repository')
      mkdirSync(repository)
      makeRepository(repository)
      const linked = join(repository, '.git/worktrees/linked')
      git(repository, 'worktree', 'add', '--quiet', join(outside, 'linked'))
      const forged = join(workspace, 'forged')
      mkdirSync(forged)
      writeFileSync(join(forged, 'HEAD'), 'ref: refs/heads/main\n')
      writeFileSync(join(forged, 'commondir'), join(repository, '.git'))
      writeFileSync(join(forged, 'gitdir'), join(workspace, '.git'))
      const targets: Record<string, string> = {
        'a directory': outside,
        'a repository': join(repository, '.git'),
        'a worktree of another place': linked,
        'a forged worktree of a repository': forged,
        'a hidden place': linked,
      }
      writeFileSync(join(workspace, '.git'), `gitdir: ${targets[what]}\n`)
      if (what === 'a hidden place') writeFileSync(join(linked, 'gitdir'), `${join(workspace, '.git')}\n`)
      expect(find(workspace).writable).toHaveLength(what === 'a hidden place' ? 2 : 0)
      expect(findGitMetadata(workspace, { home: '/nonexistent', hidden: [outside] }).writable).toEqual([])
    },
  )
})
