import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { describe, expect, test } from 'vitest'
import { snapshotConfiguration, toPlanted } from './planted-configuration.ts'
import { reduceGitConfig, watchedPlaces } from './watched-places.ts'

class Repository implements AsyncDisposable {
  readonly path: string

  constructor(path: string) {
    this.path = path
  }

  write(path: string, text = 'x'): void {
    mkdirSync(dirname(join(this.path, path)), { recursive: true })
    writeFileSync(join(this.path, path), text)
  }

  git(...args: readonly string[]): void {
    const env = { PATH: process.env['PATH'], HOME: this.path, GIT_CONFIG_NOSYSTEM: '1' }
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.com', ...args], { cwd: this.path, env, stdio: 'pipe' })
  }

  /** What a task that does this leaves behind, as `change path`. */
  async planted(task: () => void): Promise<readonly string[]> {
    const before = await snapshotConfiguration([this.path])
    task()
    const after = await snapshotConfiguration([this.path])
    return toPlanted(before, after).map(({ path, change }) => `${change} ${relative(this.path, path)}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true })
  }
}

const openRepository = async () => new Repository(await mkdtemp(join(tmpdir(), 'codesdkd-planted-')))

describe('what a task planted', () => {
  test('is every kind of file that is obeyed', async () => {
    await using repository = await openRepository()
    const paths = watchedPlaces.flatMap(({ path }) => {
      if (path === '.git/modules' || path === '.git/worktrees') return [`${path}/a/config.worktree`]
      return path.endsWith('config') || /\.[a-z]+$/.test(path.slice(1)) || /^[A-Z]/.test(path) ? [path] : []
    })
    const written = [...paths, '.claude/settings.json', '.vscode/tasks.json', '.git/hooks/pre-commit', '.github/workflows/ci.yml']
    const planted = await repository.planted(() => {
      for (const path of written) repository.write(path, '[core]\n\tfsmonitor = ./run\n')
    })
    expect(planted.toSorted()).toEqual(written.map((path) => `add ${path}`).toSorted())
    expect(written.length).toBeGreaterThan(30)
  })

  test.each(['plain', 'Größe', 'two words', '.g\u200cit'])('is found beside a file named %j', async (name) => {
    await using repository = await openRepository()
    repository.write(name)
    expect(await repository.planted(() => repository.write('.vscode/tasks.json'))).toEqual(['add .vscode/tasks.json'])
  })

  test('tells what was added, edited and removed, and nothing else', async () => {
    await using repository = await openRepository()
    for (const path of ['.claude/settings.json', '.mcp.json', '.npmrc', 'AGENTS.md', 'src/index.ts']) repository.write(path)
    const planted = await repository.planted(() => {
      repository.write('.claude/settings.json', 'y')
      repository.write('.claude/hooks/deep/run.sh')
      rmSync(join(repository.path, '.mcp.json'))
      repository.write('AGENTS.md', 'other')
      repository.write('src/index.ts', 'y')
      repository.write('src/.mcp.json')
      repository.write('Makefile')
      utimesSync(join(repository.path, '.npmrc'), 1, 1)
    })
    expect(planted).toEqual(['add .claude/hooks/deep/run.sh', 'edit .claude/settings.json', 'delete .mcp.json', 'edit AGENTS.md'])
  })

  test('is a large file that only keeps its size, and one that only becomes executable', async () => {
    await using repository = await openRepository()
    repository.write('.vscode/large.json', 'x'.repeat(100_000))
    repository.write('.husky/pre-commit')
    const planted = await repository.planted(() => {
      repository.write('.vscode/large.json', 'y'.repeat(100_000))
      chmodSync(join(repository.path, '.husky/pre-commit'), 0o755)
    })
    expect(planted).toEqual(['edit .husky/pre-commit', 'edit .vscode/large.json'])
  })

  test('is a link as itself, whatever it leads to', async () => {
    await using repository = await openRepository()
    await using elsewhere = await openRepository()
    elsewhere.write('settings.json')
    elsewhere.write('workflows/ci.yml')
    repository.write('.cursor/rules')
    symlinkSync('rules', join(repository.path, '.cursor/link'))
    const planted = await repository.planted(() => {
      symlinkSync(elsewhere.path, join(repository.path, '.claude'))
      symlinkSync(elsewhere.path, join(repository.path, '.github'))
      symlinkSync('/etc/passwd', join(repository.path, '.npmrc'))
      rmSync(join(repository.path, '.cursor/link'))
      symlinkSync('other', join(repository.path, '.cursor/link'))
    })
    expect(planted).toEqual(['add .claude', 'edit .cursor/link', 'add .github', 'add .npmrc'])
    expect(await repository.planted(() => elsewhere.write('settings.json', 'y'))).toEqual([])
  })

  test('waits for no pipe', async () => {
    await using repository = await openRepository()
    const planted = await repository.planted(() => execFileSync('mkfifo', [join(repository.path, '.envrc')]))
    expect(planted).toEqual(['add .envrc'])
  })

  test('is bounded: what does not fit is told by its directory', async () => {
    await using repository = await openRepository()
    for (let index = 0; index < 600; index += 1) repository.write(`.codex/junk/${index}`)
    repository.write('.codex/config.toml')
    const planted = await repository.planted(() => {
      repository.write('.codex/config.toml', 'y')
      repository.write('.codex/junk/zzz')
      repository.write('.claude/1/2/3/4/5/6/7/deep')
    })
    expect(planted).toEqual(['add .claude/1/2/3/4/5', 'edit .codex/config.toml', 'edit .codex/junk'])
  })

  test('is looked for in every root', async () => {
    await using one = await openRepository()
    await using other = await openRepository()
    const roots = [one.path, other.path, one.path, join(one.path, 'missing')]
    const before = await snapshotConfiguration(roots)
    one.write('.mcp.json')
    other.write('.mcp.json')
    const added = [one.path, other.path].map((path) => ({ path: join(path, '.mcp.json'), change: 'add' }))
    expect(toPlanted(before, await snapshotConfiguration(roots))).toEqual(added.toSorted((a, b) => (a.path < b.path ? -1 : 1)))
  })
})

describe('git', () => {
  test('init, commits, branches and merges plant nothing', async () => {
    await using repository = await openRepository()
    const planted = await repository.planted(() => {
      repository.git('init', '-b', 'main')
      repository.write('a')
      repository.git('add', 'a')
      repository.git('commit', '-m', 'one')
      repository.git('branch', 'base')
      repository.git('switch', '-c', 'topic', '--track', 'base')
      repository.git('commit', '--allow-empty', '-m', 'two')
      repository.git('switch', 'main')
      repository.git('merge', '--no-ff', 'topic')
      repository.git('config', 'user.email', 'b@example.com')
      repository.git('stash')
    })
    expect(planted).toEqual([])
  })

  test.each([
    ['a hook', (one: Repository) => one.write('.git/hooks/pre-commit'), 'add .git/hooks/pre-commit'],
    ['a setting that runs something', (one: Repository) => one.git('config', 'core.fsmonitor', './run'), 'edit .git/config'],
    ['hooks elsewhere', (one: Repository) => one.git('config', 'core.hooksPath', 'hooks'), 'edit .git/config'],
    ['a remote', (one: Repository) => one.git('remote', 'add', 'origin', '.'), 'edit .git/config'],
    ['a filter', (one: Repository) => one.write('.git/info/attributes', '* filter=x'), 'add .git/info/attributes'],
    ['another common directory', (one: Repository) => one.write('.git/commondir', '../evil'), 'add .git/commondir'],
    ['a hook of a submodule', (one: Repository) => one.write('.git/modules/a/b/hooks/pre-push'), 'add .git/modules/a/b/hooks/pre-push'],
  ])('%s is planted', async (_what, task, planted) => {
    await using repository = await openRepository()
    repository.git('init')
    repository.git('config', 'alias.x', 'log')
    expect(await repository.planted(() => task(repository))).toEqual([planted])
  })

  test('a repository in the place of another is told by what is not a sample', async () => {
    await using repository = await openRepository()
    repository.git('init')
    const planted = await repository.planted(() => {
      renameSync(join(repository.path, '.git'), join(repository.path, 'old'))
      repository.git('init')
      repository.write('.git/hooks/post-checkout')
    })
    expect(planted).toEqual(['add .git/hooks/post-checkout', 'add old/HEAD'])
  })

  test('a file in the place of the repository is told', async () => {
    await using repository = await openRepository()
    expect(await repository.planted(() => repository.write('.git', 'gitdir: evil'))).toEqual(['add .git'])
  })
})

describe('repositories inside', () => {
  const nested = (one: Repository, path: string) => {
    mkdirSync(join(one.path, path), { recursive: true })
    one.git('init', '--quiet', path)
  }

  test('plant nothing where they are what `git init` makes', async () => {
    await using repository = await openRepository()
    expect(await repository.planted(() => nested(repository, 'a/b/c'))).toEqual([])
  })

  test.each([
    ['a setting', (one: Repository) => one.git('-C', 'a/b', 'config', 'core.fsmonitor', './run'), 'add a/b/.git/config'],
    ['a hook', (one: Repository) => one.write('a/b/.git/hooks/pre-commit'), 'add a/b/.git/hooks/pre-commit'],
    ['another common directory', (one: Repository) => one.write('a/b/.git/commondir', '../x'), 'add a/b/.git/commondir'],
    ['a file that names a store', (one: Repository) => one.write('a/c/.git', 'gitdir: /x'), 'add a/c/.git'],
    ['a hook in a package', (one: Repository) => one.write('node_modules/x/.git/hooks/x'), 'add node_modules/x/.git/hooks/x'],
    ['a link to a store', (one: Repository) => symlinkSync('b/.git', join(one.path, 'a/.git')), 'add a/.git'],
    ['a store', (one: Repository) => one.git('init', '--quiet', '--bare', 'a/bare'), 'add a/bare/HEAD'],
    ['a setting of a store', (one: Repository) => one.git('-C', 'store', 'config', 'core.fsmonitor', 'x'), 'add store/config'],
    ['a hook of a store', (one: Repository) => one.write('store/hooks/pre-push'), 'add store/hooks/pre-push'],
  ])('%s is planted', async (_what, task, planted) => {
    await using repository = await openRepository()
    nested(repository, 'a/b')
    repository.git('init', '--quiet', '--bare', 'store')
    expect(await repository.planted(() => task(repository))).toEqual([planted])
  })

  test('a store laid out in the root itself is told with all that it runs', async () => {
    await using repository = await openRepository()
    repository.git('init', '--quiet')
    const planted = await repository.planted(() => {
      for (const directory of ['objects', 'refs']) mkdirSync(join(repository.path, directory))
      repository.write('HEAD', 'ref: refs/heads/main')
      repository.write('config', '[core]\n\tbare = false\n\tworktree = .\n\tfsmonitor = ./run')
      repository.write('hooks/pre-commit')
    })
    expect(planted).toEqual(['add HEAD', 'add config', 'add hooks/pre-commit'])
  })

  test('commands in the list of a rebase are told, and a rebase is not', async () => {
    await using repository = await openRepository()
    const todo = '.git/rebase-merge/git-rebase-todo'
    expect(await repository.planted(() => repository.write(todo, 'pick 1 exec\nlabel x\n# exec\n'))).toEqual([])
    expect(await repository.planted(() => repository.write(todo, 'pick 1\nexec ./run\n'))).toEqual([`add ${todo}`])
    expect(await repository.planted(() => repository.write(todo, 'pick 1\n\tx ./other\n'))).toEqual([`edit ${todo}`])
    const linked = '.git/worktrees/one/rebase-merge/git-rebase-todo'
    expect(await repository.planted(() => repository.write(linked, 'x ./run\n'))).toEqual([`add ${linked}`])
  })

  test('what is too much to look at is told by the root', async () => {
    await using repository = await openRepository()
    const fill = (from: number, to: number) => {
      for (let index = from; index < to; index += 1) mkdirSync(join(repository.path, `d${index}`))
    }
    expect(await repository.planted(() => fill(0, 1000))).toEqual([])
    expect(await repository.planted(() => fill(1000, 2100))).toEqual(['add '])
  })
})

describe('reduceGitConfig', () => {
  test('takes what the wall itself puts there for nothing', () => {
    expect(reduceGitConfig('/ws/.git/commondir', '.\n')).toBe('')
    expect(reduceGitConfig('/ws/.git/commondir', '..\n')).toBe('..\n')
  })

  test.each([
    ['[core] fsmonitor = ./run', '[core] fsmonitor = ./run'],
    ['\tname = x\\\n\tfsmonitor = ./run', '\tname = x\\\n\tfsmonitor = ./run'],
    ['[include]\n\tpath = x', '[include]\n\tpath = x'],
    ['[remote "a"]\n\turl = ext::run', '[remote "a"]\n\turl = ext::run'],
    ['[core]\n\tbare = false\n# text\n\n[branch "a/b"]\n\tmerge = refs/heads/a', ''],
    ['[user]\n\tname = A B\n\temail=a@b', ''],
  ])('%j -> %j', (text, left) => expect(reduceGitConfig('/ws/.git/config', text)).toBe(left))

  test('leaves what is no configuration of git', () => expect(reduceGitConfig('/ws/.git/hooks/config-x', '[core]')).toBe('[core]'))
})
