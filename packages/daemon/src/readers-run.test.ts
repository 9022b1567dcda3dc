import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  globSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { readers } from './core/policy/reader-table.ts'
import { readsOnly } from './core/policy/readers.ts'
import { acceptedCommands } from './core/policy/testing/reader-samples.ts'
import { createWorkspace } from './places/workspace.ts'

/**
 * What the parser lets pass is run for real, in a workspace with ways out of it: nothing in it may change, and
 * nothing that stands outside may be told.
 */
const base = realpathSync(mkdtempSync(join(tmpdir(), 'codesdkd-readers-')))
const root = join(base, 'workspace')
const canary = 'canary-told-by-nobody'
const env = { PATH: process.env['PATH'], HOME: join(base, 'home'), LC_ALL: 'C.UTF-8', GIT_CONFIG_NOSYSTEM: '1' }
const workspace = createWorkspace({ environment: env })
afterAll(() => rmSync(base, { recursive: true, force: true }))

mkdirSync(join(root, 'src'), { recursive: true })
mkdirSync(join(base, 'outside/deep'), { recursive: true })
mkdirSync(env.HOME)
for (const [path, text] of Object.entries({
  a: 'one\ntwo\nx\n',
  b: 'one\nthree\n',
  'a file.txt': 'a',
  'README.md': '# TODO\n',
  'src/a.ts': 'import x\n// TODO\n',
  'src/b.ts': 'a.*b\n',
}))
  writeFileSync(join(root, path), text)
writeFileSync(join(base, 'outside/secret.txt'), `${canary} x TODO one\n`)
writeFileSync(join(base, 'outside/deep/a'), `${canary} x TODO one\n`)
symlinkSync('../outside/secret.txt', join(root, 'file-out'))
symlinkSync('../../outside', join(root, 'src/out'))
symlinkSync('../outside/deep', join(root, 'deep'))
const git = (...args: readonly string[]) => execFileSync('git', args, { cwd: root, env, stdio: 'ignore' })
git('init', '-qb', 'main')
git('config', 'user.name', 'n')
git('config', 'user.email', 'e@x')
// Older than the index: else git looks at them again and writes down what it knew already.
for (const path of globSync('**/*', { cwd: root })) lutimesSync(join(root, path), 1e9, 1e9)
git('add', '.')
git('commit', '-qm', 'one')
git('commit', '-q', '--allow-empty', '-m', 'two')
git('status')

/** Everything in the workspace, the repository included, with size, time and content. */
function snapshot(): readonly string[] {
  return globSync('**/*', { cwd: base, exclude: (path) => path === 'home' })
    .concat(globSync('workspace/.git/**/*', { cwd: base }))
    .toSorted()
    .map((path) => {
      const stats = lstatSync(join(base, path))
      const content = stats.isFile()
        ? createHash('sha256')
            .update(readFileSync(join(base, path)))
            .digest('hex')
        : stats.isSymbolicLink()
          ? readlinkSync(join(base, path))
          : ''
      return `${path} ${stats.mode} ${stats.size} ${stats.mtimeMs} ${content}`
    })
}

const before = snapshot()

function run(line: string): string {
  const { stdout, stderr } = spawnSync('bash', ['-c', line], {
    cwd: root,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 20_000,
  })
  return stdout + stderr
}

describe('readers', () => {
  it.each(acceptedCommands.filter(([line]) => !line.includes('/workspace')))(
    '%s: changes nothing and tells nothing from outside',
    async (line) => {
      expect(await readsOnly(line, root, root, workspace)).toBe(true)
      expect(run(line)).not.toContain(canary)
      expect(snapshot()).toEqual(before)
    },
  )

  const leaks = [
    'cat file-out',
    'cat ../outside/secret.txt',
    `cat ${join(base, 'outside/secret.txt')}`,
    'cat src/out/secret.txt',
    'cat deep/a',
    'cat deep/../secret.txt',
    'cat src/../../outside/secret.txt',
    'head -1 a file-out',
    'sort file-out',
    'cut -d : file-out -f 1',
    'grep x file-out',
    'grep -r x deep/',
    'grep -e x src/out/secret.txt',
    "sed -n '1,5p' file-out",
    'wc -l file-out && cat file-out',
    'uniq file-out',
    'nl file-out',
    'cd ./deep && cat a',
    'cd ./src && cat out/secret.txt',
    'cd ./src && cat ../file-out',
    'cat a | cat - file-out',
    'sort -- file-out',
    'tail -n 1 -- file-out',
    'cat README.md file-out',
  ]

  it.each(leaks)('%s: tells, and so is refused', async (line) => {
    expect(run(line)).toContain(canary)
    expect(await readsOnly(line, root, root, workspace)).toBe(false)
  })

  it('outside of the workspace are refused', async () => {
    expect(await readsOnly('ls', base, root, workspace)).toBe(false)
    expect(await readsOnly('ls', join(root, 'deep'), root, workspace)).toBe(false)
    expect(await readsOnly('git log', join(root, 'src'), join(root, 'src'), workspace)).toBe(false)
    expect(await readsOnly('git log', join(root, 'src'), root, workspace)).toBe(true)
    expect(await readsOnly('ls', join(root, 'nowhere'), root, workspace)).toBe(true)
  })

  it('of any making, when they pass, change nothing and tell nothing from outside', async () => {
    const program = fc.constantFrom(...[...readers].map(([name, { flags }]) => ({ name, flags: [...flags] })), {
      name: 'cd',
      flags: ['./src', './deep'],
    })
    const place = fc.constantFrom(
      'a',
      'b',
      '.',
      '..',
      'src',
      'file-out',
      'deep',
      'deep/a',
      'src/out',
      './src/../a',
      '../outside/secret.txt',
      'deep/../secret.txt',
      "'a file.txt'",
      '1,5p',
      'x',
      '-',
      '--',
      '5',
      'HEAD',
      "'%h'",
      '+5',
      "'*'",
    )
    const command = program.chain(({ name, flags }) => {
      const flag = fc
        .constantFrom(...(flags.length === 0 ? ['-x'] : flags))
        .map((text) =>
          text === '-NUM'
            ? '-3'
            : text.endsWith('?')
              ? text.slice(0, -1)
              : text.endsWith('=') && text.startsWith('--')
                ? `${text}3`
                : text.replace(/=$/, '3').replace(/^[!()]$/, "'$&'"),
        )
      return fc.array(fc.oneof(flag, place), { maxLength: 5 }).map((words) => [name, ...words].join(' '))
    })
    const line = fc
      .array(fc.tuple(command, fc.constantFrom(' && ', ' | ', '; ', ' || ')), { minLength: 1, maxLength: 3 })
      .map((parts) => parts.flat().slice(0, -1).join(''))
    let passed = 0
    await fc.assert(
      fc.asyncProperty(line, async (text) => {
        if (!(await readsOnly(text, root, root, workspace))) return
        passed += 1
        expect([text, run(text).includes(canary)]).toEqual([text, false])
        expect(snapshot()).toEqual(before)
      }),
      { numRuns: 600 },
    )
    expect(passed).toBeGreaterThan(50)
  }, 60_000)
})
