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
    expect(planted).toEqual(['add .git/hooks/post-checkout'])
  })

  test('a file in the place of the repository is told', async () => {
    await using repository = await openRepository()
    expect(await repository.planted(() => repository.write('.git', 'gitdir: evil'))).toEqual(['add .git'])
  })
})

describe('reduceGitConfig', () => {
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
