import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { copyGitIdentity } from './git-identity.ts'

let base: string
let user: string
let home: string
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'codesdkd-identity-'))
  user = join(base, 'user')
  home = join(base, 'home')
  await Promise.all([mkdir(user), mkdir(home)])
})
afterEach(() => rm(base, { recursive: true }))

const copy = () => copyGitIdentity(home, { PATH: process.env['PATH'], HOME: user })
const ask = (key: string) =>
  execFileSync('git', ['config', '--global', key], { env: { HOME: home, PATH: process.env['PATH'] }, cwd: '/' })
    .toString()
    .trim()

test('name and address, and nothing that could run or tell', async () => {
  const name = 'Ada "the first" \\ Lovelace; #1'
  await writeFile(join(user, '.gitconfig'), '[credential]\n\thelper = store\n[alias]\n\tx = !touch /tmp/x\n[include]\n\tpath = more\n')
  await writeFile(join(user, 'more'), '')
  execFileSync('git', ['config', '--file', join(user, 'more'), 'user.name', name])
  execFileSync('git', ['config', '--file', join(user, 'more'), 'user.email', 'ada@example.com'])
  await copy()
  expect(ask('user.name')).toBe(name)
  expect(ask('user.email')).toBe('ada@example.com')
  expect(await readFile(join(home, '.gitconfig'), 'utf8')).not.toMatch(/helper|alias|include/)
})

test('a user without an identity, and a home with a configuration of its own, are left alone', async () => {
  await copy()
  expect(await readdir(home)).toEqual([])
  await writeFile(join(user, '.gitconfig'), '[user]\n\tname = Ada\n')
  await writeFile(join(home, '.gitconfig'), '[user]\n\tname = Grace\n')
  await copy()
  expect(ask('user.name')).toBe('Grace')
})
