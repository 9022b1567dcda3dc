import { existsSync, readFileSync, renameSync } from 'node:fs'
import { mkdir, mkdtempDisposable, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { lendLogin } from './login-loan.ts'
import { refreshLogin } from './login.ts'

const far = 4_000_000_000_000
const soon = () => Date.now() + 60_000

async function openPlace() {
  const folder = await mkdtempDisposable(path.join(tmpdir(), 'login-loan-'))
  const home = path.join(folder.path, 'user')
  await mkdir(home)
  const file = path.join(home, '.credentials.json')
  const put = async (accessToken: string, expiresAt = far, refreshToken = `for-${accessToken}`) => {
    const login = { accessToken, refreshToken, expiresAt, scopes: ['user:inference'], subscriptionType: 'max', unknown: 'field' }
    const draft = `${file}.tmp`
    await writeFile(draft, JSON.stringify({ claudeAiOauth: login, mcpOAuth: { 'another-server': { accessToken: 'another-login' } } }))
    renameSync(draft, file)
  }
  const directory = path.join(folder.path, 'session', 'agent.login')
  const copy = () => readFileSync(path.join(directory, '.credentials.json'), 'utf8')
  const refreshes: string[] = []
  const lend = (refresh: () => Promise<void> = () => Promise.resolve(), signal = new AbortController().signal) =>
    lendLogin({
      home,
      directory,
      signal,
      refresh: async () => {
        refreshes.push(await readFile(file, 'utf8'))
        await refresh()
      },
    })
  return { root: folder.path, home, directory, put, copy, lend, refreshes, [Symbol.asyncDispose]: () => folder.remove() }
}

test('the copy has the token that asks the model, and nothing else that is secret', async () => {
  await using place = await openPlace()
  await place.put('one')
  {
    await using loan = await place.lend()
    const copy = { accessToken: 'one', expiresAt: far, scopes: ['user:inference'], subscriptionType: 'max' }
    expect([loan.directory, JSON.parse(place.copy())]).toEqual([place.directory, { claudeAiOauth: copy }])
  }
  expect([existsSync(place.directory), place.refreshes]).toEqual([false, []])
})

test('a login that is about to expire is refreshed where it is, once for all who wait', async () => {
  await using place = await openPlace()
  await place.put('one', soon())
  await using loan = await place.lend(() => place.put('two', soon()))
  expect(place.copy()).toContain('"two"')
  await Promise.all([loan.renew(), loan.renew()])
  expect(place.refreshes).toHaveLength(2)
})

test('one that cannot be refreshed any more is not tried, and what is there is used', async () => {
  await using place = await openPlace()
  await place.put('one', soon(), '')
  await using _ = await place.lend()
  expect([place.refreshes, place.copy()]).toEqual([[], expect.stringContaining('"one"')])
})

test('another Claude Code of the user refreshes it', async () => {
  await using place = await openPlace()
  await place.put('one')
  await using _ = await place.lend()
  await place.put('two')
  for (let round = 0; round < 500 && !place.copy().includes('"two"'); round += 1) await delay(10)
  expect(place.copy()).toContain('"two"')
})

test('a login that is gone, or broken, leaves the copy as it was', async () => {
  await using place = await openPlace()
  await place.put('one')
  await using loan = await place.lend()
  await writeFile(path.join(place.home, '.credentials.json'), '{"claudeAiOauth":')
  await loan.renew()
  expect(place.copy()).toContain('"one"')
})

test('a refresh that does not end keeps nobody waiting who has given up', async () => {
  await using place = await openPlace()
  await place.put('one', soon())
  const [begun, never] = [new AbortController(), Promise.withResolvers<void>()]
  const lending = place.lend(() => {
    begun.abort()
    return never.promise
  }, begun.signal)
  await using _ = await lending
  expect(place.refreshes).toHaveLength(1)
  never.resolve()
})

test('the end of a loan waits for no refresh, and leaves nothing behind', async () => {
  await using place = await openPlace()
  await place.put('one')
  const [begun, answered] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const loan = await place.lend(async () => {
    begun.resolve()
    await answered.promise
    await place.put('two')
  })
  await place.put('one', soon())
  const renewed = loan.renew()
  await begun.promise
  await loan[Symbol.asyncDispose]()
  answered.resolve()
  await renewed
  expect(existsSync(place.directory)).toBe(false)
})

test('the refresh runs with the login and the way outside of the daemon, and nothing of a session', async () => {
  await using place = await openPlace()
  const executable = path.join(place.root, 'claude')
  await writeFile(executable, `#!/bin/sh\n{ echo "$@"; env; pwd; } > '${place.root}/seen'\nexit 1\n`, { mode: 0o755 })
  const environment = {
    PATH: process.env['PATH'],
    HTTPS_PROXY: 'http://proxy.example:1',
    ANTHROPIC_BASE_URL: 'http://evil.example',
    LD_PRELOAD: '',
  }
  const login = { home: place.home, variables: { HOME: place.root, CLAUDE_CONFIG_DIR: place.home } }
  await refreshLogin({ executable, home: place.home, login, environment })
  const seen = (await readFile(path.join(place.root, 'seen'), 'utf8')).split('\n')
  expect(seen).toEqual(
    expect.arrayContaining([
      'auth status',
      'HTTPS_PROXY=http://proxy.example:1',
      `HOME=${place.root}`,
      `CLAUDE_SECURESTORAGE_CONFIG_DIR=${place.home}`,
    ]),
  )
  expect(seen.filter((line) => /^(ANTHROPIC_BASE_URL|LD_PRELOAD)=/.test(line))).toEqual([])
  const configured = seen.find((line) => line.startsWith('CLAUDE_CONFIG_DIR='))?.split('=')[1] ?? ''
  expect([existsSync(configured), configured === place.home]).toEqual([false, false])
})

test('a login that cannot be refreshed, as there is no room for that, is lent as it is', async () => {
  await using place = await openPlace()
  await place.put('one', soon())
  vi.stubEnv('TMPDIR', path.join(place.root, 'missing'))
  const login = { home: place.home, variables: {} }
  await using _ = await place.lend(() => refreshLogin({ executable: '/bin/true', home: place.home, login, environment: {} }))
  vi.unstubAllEnvs()
  expect(place.copy()).toContain('"one"')
})

test('a directory of logins that cannot be watched does not keep the agent from starting', async () => {
  await using place = await openPlace()
  await rm(place.home, { recursive: true })
  await using loan = await place.lend()
  expect(existsSync(loan.directory)).toBe(true)
})
