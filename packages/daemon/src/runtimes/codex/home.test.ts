import { lstat, mkdir, mkdtempDisposable, readFile, readdir, readlink, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { expect, test } from 'vitest'
import { clearScratch, placeLogin, prepareHome } from './home.ts'

test('a home has our settings, and nothing else that Codex would obey', async () => {
  await using directory = await mkdtempDisposable(path.join(tmpdir(), 'home-'))
  const home = path.join(directory.path, 'new')
  await prepareHome(home, 'm')
  await mkdir(path.join(home, 'rules'))
  await mkdir(path.join(home, 'skills', 'planted'), { recursive: true })
  for (const name of ['hooks.json', 'environments.toml', 'AGENTS.md', 'models_cache.json']) await writeFile(path.join(home, name), '{}')
  await writeFile(path.join(home, '.env'), 'PATH=/planted')
  await writeFile(path.join(home, 'config.toml'), 'approval_policy = "never"')
  expect(await prepareHome(home, 'n')).toBe(path.join(home, 'scratch', 'n'))
  expect((await readdir(home)).toSorted()).toEqual(['config.toml', 'scratch'])
  expect(await readFile(path.join(home, 'config.toml'), 'utf8')).not.toContain('approval_policy')
  expect((await stat(home)).mode & 0o777).toBe(0o700)
})

test('no link that an agent left is followed', async () => {
  await using directory = await mkdtempDisposable(path.join(tmpdir(), 'home-'))
  const [home, victim] = [path.join(directory.path, 'home'), path.join(directory.path, 'victim')]
  await Promise.all([mkdir(home), mkdir(path.join(victim, 'm'), { recursive: true })])
  await writeFile(path.join(victim, 'm', 'kept'), 'kept')
  await writeFile(path.join(victim, 'kept'), 'kept')
  await symlink(path.join(victim, 'kept'), path.join(home, 'config.toml'))
  await symlink(victim, path.join(home, 'rules'))
  await symlink(victim, path.join(home, 'scratch'))
  await clearScratch(home, 'm')
  await symlink(victim, path.join(home, 'auth.json'))
  expect(await prepareHome(home, 'm')).toBe(path.join(home, 'scratch', 'm'))
  await placeLogin(home, null, { walled: false })
  expect((await lstat(path.join(home, 'scratch'))).isDirectory()).toBe(true)
  expect((await readdir(home)).toSorted()).toEqual(['config.toml', 'scratch'])
  expect((await readdir(victim)).toSorted()).toEqual(['kept', 'm'])
  expect(await readFile(path.join(victim, 'kept'), 'utf8')).toBe('kept')
  expect(await readdir(path.join(victim, 'm'))).toEqual(['kept'])
})

test('a login is linked, of which there is only one; behind the wall it is a copy for as long as the agent lives', async () => {
  await using directory = await mkdtempDisposable(path.join(tmpdir(), 'home-'))
  const [home, user] = [path.join(directory.path, 'home'), path.join(directory.path, 'user')]
  await Promise.all([mkdir(home), mkdir(user)])
  const [login, place] = [path.join(user, 'auth.json'), path.join(home, 'auth.json')]
  await writeFile(login, '{"tokens":null}')
  await writeFile(place, '{"of":"an agent"}')
  {
    await using _ = await placeLogin(home, login, { walled: false })
    expect(await readlink(place)).toBe(login)
  }
  {
    await using _ = await placeLogin(home, login, { walled: true })
    expect((await lstat(place)).isFile()).toBe(true)
    expect(JSON.parse(await readFile(place, 'utf8'))).toEqual({ tokens: null })
  }
  await expect(lstat(place)).rejects.toThrow('ENOENT')
})
