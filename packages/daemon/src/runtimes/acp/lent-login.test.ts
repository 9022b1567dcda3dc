import {
  lstat,
  mkdir,
  mkdtempDisposable,
  readFile,
  readdir,
  readlink,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { expect, test } from 'vitest'
import { lendLogins } from './lent-login.ts'

const name = '.agent/login.json'

/** A home with a login, and that of a session. */
async function openHomes() {
  const root = await mkdtempDisposable(path.join(await realpath(tmpdir()), 'lent-'))
  const [from, to] = [path.join(root.path, 'theirs'), path.join(root.path, 'own')]
  const [theirs, own] = [path.join(from, name), path.join(to, name)]
  await mkdir(path.dirname(theirs), { recursive: true })
  await writeFile(theirs, '{"token":"old","refresh":"1"}')
  await utimes(theirs, 1000, 1000)
  return {
    root: root.path,
    theirs,
    own,
    lend: () => lendLogins({ from, to, names: [name, '.agent/none', '.agent'] }),
    read: () => readFile(theirs, 'utf8'),
    /** As agents do that replace files. */
    async replace(text: string) {
      await writeFile(`${own}.new`, text)
      await rename(`${own}.new`, own)
    },
    [Symbol.asyncDispose]: () => root.remove(),
  }
}

const fresh = '{"token":"new","refresh":"2"}'

test('only files that are there are lent, and what is written through them is theirs at once', async () => {
  await using homes = await openHomes()
  await using lent = await homes.lend()
  expect(lent.files).toEqual([homes.theirs])
  expect(await readlink(homes.own)).toBe(homes.theirs)
  await writeFile(homes.own, fresh)
  expect(await homes.read()).toBe(fresh)
})

test('a login that the agent replaces is brought home while it lives', async () => {
  await using homes = await openHomes()
  await using _lent = await homes.lend()
  await homes.replace(fresh)
  await expect.poll(homes.read).toBe(fresh)
  expect((await stat(homes.theirs)).mode & 0o777).toBe(0o600)
})

test('a login that was replaced and not seen is brought home at the end, or when the next agent is about to start', async () => {
  await using homes = await openHomes()
  {
    await using _lent = await homes.lend()
    await homes.replace(fresh)
  }
  expect(await homes.read()).toBe(fresh)
  await utimes(homes.theirs, 1000, 1000)
  await homes.replace('{"token":"newer","refresh":"3"}')
  await using _lent = await homes.lend()
  expect(await homes.read()).toContain('newer')
  expect(await readlink(homes.own)).toBe(homes.theirs)
  expect(await readdir(path.dirname(homes.theirs))).toEqual(['login.json'])
})

test.each(['', '{"token":"ne', '[]', '{"other":1}', '"text"', `{"token":"${'x'.repeat(2_000_000)}"}`])(
  'what cannot be the login is not brought home (%#)',
  async (text) => {
    await using homes = await openHomes()
    {
      await using _lent = await homes.lend()
      await homes.replace(text)
    }
    expect(await homes.read()).toContain('old')
  },
)

test('a login that somebody else has refreshed since is left alone', async () => {
  await using homes = await openHomes()
  {
    await using _lent = await homes.lend()
    await writeFile(homes.theirs, '{"token":"newest","refresh":"4"}')
    await writeFile(`${homes.own}.new`, fresh)
    await utimes(`${homes.own}.new`, 2000, 2000)
    await rename(`${homes.own}.new`, homes.own)
  }
  expect(await homes.read()).toContain('newest')
})

test('links that the agent leaves are neither read nor written through', async () => {
  await using homes = await openHomes()
  const secret = path.join(homes.root, 'secret')
  await writeFile(secret, '{"token":"of somebody else"}')
  {
    await using _lent = await homes.lend()
    await rm(homes.own)
    await symlink(secret, homes.own)
  }
  expect(await homes.read()).toContain('old')
  const folder = path.join(homes.root, 'folder')
  await mkdir(folder)
  await writeFile(path.join(folder, 'login.json'), '{"token":"of somebody else"}')
  await rm(path.dirname(homes.own), { recursive: true })
  await symlink(folder, path.dirname(homes.own))
  await using _lent = await homes.lend()
  expect([await homes.read(), await readFile(path.join(folder, 'login.json'), 'utf8')]).toEqual([
    expect.stringContaining('old'),
    expect.stringContaining('somebody else'),
  ])
  expect((await lstat(path.dirname(homes.own))).isDirectory()).toBe(true)
})
