import { mkdir, mkdtempDisposable, readFile, readdir, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { watch } from 'node:fs'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { expect, test } from 'vitest'
import { LoginCopy } from './login-copy.ts'

const login = (name: string, minute: number, more: object = {}) => ({
  auth_mode: 'chatgpt',
  OPENAI_API_KEY: null,
  tokens: { id_token: `${name}-id`, access_token: `${name}-access`, refresh_token: `${name}-refresh`, account_id: 'account' },
  last_refresh: new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString(),
  ...more,
})

async function openPlaces() {
  const directory = await mkdtempDisposable(path.join(tmpdir(), 'login-copy-'))
  const [user, home] = [path.join(directory.path, 'user'), path.join(directory.path, 'home')]
  await Promise.all([mkdir(user), mkdir(home)])
  const places = { original: path.join(user, 'auth.json'), copy: path.join(home, 'auth.json'), user, home }
  await write(places.original, login('old', 1, { of_a_newer_codex: true }))
  return { ...places, directory, [Symbol.asyncDispose]: () => directory.remove() }
}

/** As Codex does it. */
async function write(file: string, content: object): Promise<void> {
  await writeFile(`${file}.draft`, JSON.stringify(content), { mode: 0o600 })
  await rename(`${file}.draft`, file)
}

const read = async (file: string) => JSON.parse(await readFile(file, 'utf8'))

/** Resolves when the file says this; looks again whenever something happens in its directory. */
async function untilHolds(file: string, text: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const look = () =>
    void readFile(file, 'utf8').then(
      (found) => found.includes(text) && resolve(),
      () => {},
    )
  const watcher = watch(path.dirname(file), look)
  look()
  await promise
  watcher.close()
}

test('what is refreshed on one side is brought to the other while both live, and the copy goes in the end', async () => {
  await using places = await openPlaces()
  {
    await using copy = new LoginCopy(places.home, places.original)
    await copy.settled()
    expect(await read(places.copy)).toEqual(login('old', 1, { of_a_newer_codex: true }))
    expect((await stat(places.copy)).mode & 0o777).toBe(0o600)
    await write(places.copy, login('inside', 2))
    await untilHolds(places.original, 'inside-refresh')
    expect(await read(places.original)).toEqual(login('inside', 2, { of_a_newer_codex: true }))
    expect((await stat(places.original)).mode & 0o777).toBe(0o600)
    await write(places.original, login('outside', 3))
    await untilHolds(places.copy, 'outside-refresh')
    await write(places.copy, login('last', 4))
  }
  expect(await read(places.original)).toMatchObject(login('last', 4))
  expect([await readdir(places.home), await readdir(places.user)]).toEqual([[], ['auth.json']])
})

test('what a killed daemon could not bring home is brought home by the next', async () => {
  await using places = await openPlaces()
  await write(places.copy, login('left', 2))
  await using copy = new LoginCopy(places.home, places.original)
  await copy.settled()
  expect(await read(places.original)).toMatchObject(login('left', 2))
})

test.each([
  ['an older one', login('planted', 0)],
  ['another account', login('planted', 9, { tokens: { ...login('planted', 9).tokens, account_id: 'other' } })],
  ['another kind of login', login('planted', 9, { auth_mode: 'apikey' })],
  ['a key', login('planted', 9, { OPENAI_API_KEY: 'sk-planted' })],
  ['no tokens', { ...login('planted', 9), tokens: null }],
  ['a refresh in the far future', login('planted', 9, { last_refresh: '9999-01-01T00:00:00Z' })],
])('an agent cannot put %s into the original', async (_, planted) => {
  await using places = await openPlaces()
  {
    await using copy = new LoginCopy(places.home, places.original)
    await copy.settled()
    await write(places.copy, planted)
  }
  expect(await readFile(places.original, 'utf8')).not.toContain('planted')
})

/** A JSON web token; nobody checks its signature here. */
const jwt = (claims: object) =>
  ['head', JSON.stringify(claims), 'signature'].map((part) => Buffer.from(part).toString('base64url')).join('.')

test.each([
  ['of the same person', { sub: 'user' }, true],
  ['of somebody else', { sub: 'somebody' }, false],
  ['of an unknown person', null, false],
])('tokens that say they are %s', async (_, claims, brought) => {
  await using places = await openPlaces()
  const { tokens } = login('known', 1)
  await write(places.original, login('known', 1, { tokens: { ...tokens, id_token: jwt({ sub: 'user', iat: 1 }) } }))
  {
    await using copy = new LoginCopy(places.home, places.original)
    await copy.settled()
    const id_token = claims === null ? 'opaque' : jwt({ ...claims, iat: 2 })
    await write(places.copy, login('inside', 2, { tokens: { ...login('inside', 2).tokens, id_token } }))
  }
  expect((await readFile(places.original, 'utf8')).includes('inside')).toBe(brought)
})

test('a directory in its place is left alone while the agent runs, which could lead a removal elsewhere, and goes in the end', async () => {
  await using places = await openPlaces()
  {
    await using copy = new LoginCopy(places.home, places.original)
    await copy.settled()
    await rm(places.copy)
    await mkdir(places.copy)
    await writeFile(path.join(places.copy, 'file'), '')
    await using another = new LoginCopy(places.home, places.original)
    await another.settled()
    expect(await readdir(places.copy)).toEqual(['file'])
  }
  expect(await readdir(places.home)).toEqual([])
})

test('no link that an agent left is followed', async () => {
  await using places = await openPlaces()
  const victim = path.join(places.directory.path, 'victim')
  await write(victim, login('victim', 9))
  await symlink(victim, places.copy)
  await using copy = new LoginCopy(places.home, places.original)
  await copy.settled()
  expect(await readFile(places.original, 'utf8')).not.toContain('victim')
  expect(await read(victim)).toEqual(login('victim', 9))
  expect(await read(places.copy)).toMatchObject(login('old', 1))
})

test('a login without tokens is copied, and never changed', async () => {
  await using places = await openPlaces()
  const identity = { auth_mode: 'agentIdentity', agent_identity: { agent_private_key: 'private' } }
  await write(places.original, identity)
  await using copy = new LoginCopy(places.home, places.original)
  await copy.settled()
  expect(await read(places.copy)).toEqual(identity)
  await write(places.copy, login('inside', 2))
  await untilHolds(places.copy, 'private')
  expect(await read(places.original)).toEqual(identity)
})

test('a login that is gone is not made anew', async () => {
  await using places = await openPlaces()
  {
    await using copy = new LoginCopy(places.home, places.original)
    await copy.settled()
    await rename(places.original, path.join(places.directory.path, 'away'))
    await write(places.copy, login('inside', 2))
  }
  expect(await readdir(places.user)).toEqual([])
})
