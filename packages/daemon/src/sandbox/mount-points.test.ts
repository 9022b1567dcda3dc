import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { MountPoints, removeMountPoints } from './mount-points.ts'
import { Ground } from './testing/walled.ts'

/** A repository as `git init` leaves it where there are no templates. */
function makeRepository(directory: string): void {
  git(directory, 'init', '--quiet', '--template=', '--initial-branch', 'main')
}

function git(cwd: string, ...args: readonly string[]): string {
  const env = { PATH: process.env['PATH'], HOME: cwd, GIT_CONFIG_NOSYSTEM: '1' }
  return execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], { cwd, env, encoding: 'utf8', stdio: 'pipe' })
}

const made = ['commondir', 'config.worktree', 'hooks']
const namesIn = (directory: string) => readdirSync(directory).filter((name) => made.includes(name))

describe.skipIf(process.platform !== 'linux')('what is made so that something can be mounted over it', () => {
  test('is there while the session is, means nothing to git, and is gone at its end', async () => {
    using ground = new Ground()
    const { workspace } = ground
    makeRepository(workspace)
    const before = readdirSync(join(workspace, '.git'))
    const wall = ground.wall()
    const place = ground.place()
    const script = 'for f in commondir config.worktree hooks/x; do echo evil > .git/$f; done; rm -rf .git/hooks .git/commondir; ls .git'
    const ended = await ground.run(wall.enclose(ground.command(script), place))
    expect(ended.stdout.split('\n')).toEqual(expect.arrayContaining(made))
    expect(readFileSync(join(workspace, '.git/commondir'), 'utf8')).toBe('.\n')
    writeFileSync(join(workspace, 'file'), '')
    git(workspace, 'add', 'file')
    git(workspace, 'commit', '--quiet', '--message', 'x')
    git(workspace, 'worktree', 'add', '--quiet', join(ground.outside, 'linked'))
    git(workspace, 'gc', '--quiet')
    expect(git(workspace, 'status', '--porcelain')).toBe('')
    wall.release(place)
    expect(readdirSync(join(workspace, '.git'))).toEqual(expect.arrayContaining(before))
    expect(namesIn(join(workspace, '.git'))).toEqual([])
    expect(git(join(ground.outside, 'linked'), 'log', '--format=%s')).toBe('x\n')
    expect(git(workspace, 'fsck')).toBe('')
  })

  test('stays for as long as another session needs it, whoever made it', async () => {
    using ground = new Ground()
    using other = new Ground()
    const { workspace } = ground
    makeRepository(workspace)
    const wall = ground.wall()
    const places = [ground.place(), { ...other.place(), workspace }] as const
    for (const place of places) wall.enclose(ground.command('true'), place)
    wall.release(places[0])
    expect(namesIn(join(workspace, '.git'))).toEqual(made)
    const { stdout } = await ground.run(
      wall.enclose(ground.command('echo x > .git/commondir; echo x > .git/hooks/x; ls .git/hooks'), places[1]),
    )
    expect(stdout).toBe('')
    wall.release(places[1])
    expect(namesIn(join(workspace, '.git'))).toEqual([])
  })

  test('is taken away by the next daemon when this one is killed', () => {
    using ground = new Ground()
    makeRepository(ground.workspace)
    const place = ground.place()
    ground.wall().enclose(ground.command('true'), place)
    expect(namesIn(join(ground.workspace, '.git'))).toEqual(made)
    writeFileSync(join(place.sockets, 'wall', 'mount-points'), '"/cut', { flag: 'a' })
    removeMountPoints(dirname(place.sockets))
    expect(namesIn(join(ground.workspace, '.git'))).toEqual([])
    removeMountPoints(join(ground.root, 'missing'))
  })

  test('stays where somebody has put something into it meanwhile, or has it already', () => {
    using ground = new Ground()
    const store = join(ground.workspace, '.git')
    makeRepository(ground.workspace)
    const wall = ground.wall()
    wall.enclose(ground.command('true'), ground.place())
    writeFileSync(join(store, 'hooks/pre-commit'), 'mine')
    writeFileSync(join(store, 'config.worktree'), '[user]\n')
    wall.release(ground.place())
    expect(namesIn(store)).toEqual(['config.worktree', 'hooks'])
    rmSync(join(store, 'hooks/pre-commit'))
    wall.enclose(ground.command('true'), ground.place())
    wall.release(ground.place())
    expect(namesIn(store)).toEqual(['config.worktree', 'hooks'])
  })

  test('can be read by others who work in the repository, whatever the umask', () => {
    using ground = new Ground()
    makeRepository(ground.workspace)
    const { sockets, workspace } = ground
    const script = `
      import { MountPoints } from ${JSON.stringify(import.meta.resolve('./mount-points.ts'))}
      process.umask(0o077)
      const points = [{ path: process.argv[1] + '/commondir', content: '.' }, { path: process.argv[1] + '/hooks', content: null }]
      new MountPoints().hold(process.argv[2], { points, present: [] })`
    execFileSync(process.execPath, ['--input-type=module', '--eval', script, join(workspace, '.git'), sockets])
    const modes = ['commondir', 'hooks'].map((name) => statSync(join(workspace, '.git', name)).mode & 0o777)
    expect(modes).toEqual([0o644, 0o755])
  })

  test('is never made or removed behind a link', () => {
    using ground = new Ground()
    const owner = ground.sockets
    const points = new MountPoints()
    const one = join(ground.workspace, 'one')
    const there = join(ground.outside, 'hooks')
    const hold = () => points.hold(owner, { points: [{ path: join(one, 'hooks'), content: null }], present: [] })
    symlinkSync(ground.outside, one)
    expect(hold).toThrow()
    expect(existsSync(there)).toBe(false)
    rmSync(one)
    mkdirSync(one)
    hold()
    renameSync(one, join(ground.workspace, 'two'))
    symlinkSync(ground.outside, one)
    mkdirSync(there)
    points.release(owner)
    expect(existsSync(there)).toBe(true)
  })
})
