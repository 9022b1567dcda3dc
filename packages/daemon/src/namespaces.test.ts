import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { credentialNamespace } from '@codesdkd/protocol'
import { createNamespaces, type Namespaces, type Whose } from './namespaces.ts'
import { runtimes } from './runtimes/index.ts'

const codex = runtimes.get('codex-sdk')?.create({ ledger: { started: () => undefined, ended: () => undefined }, newId: () => 'id' })
if (codex === undefined) throw new Error('there is no Codex')
const runtime = codex

const environment = {
  PATH: 'node_modules/.bin:/usr/bin::/bin',
  LANG: 'C',
  LC_ALL: 'C.UTF-8',
  HOME: '/home/ada',
  XDG_CONFIG_HOME: '/home/ada/.config',
  CODEX_HOME: '/home/ada/.codex',
  OPENAI_API_KEY: 'sk-openai',
  ANTHROPIC_API_KEY: 'sk-anthropic',
  AWS_SECRET_ACCESS_KEY: 'aws',
  NODE_OPTIONS: '--inspect',
  LD_PRELOAD: 'x.so',
  CODESDKD_PORT: '1',
  SSH_AUTH_SOCK: '/run/ssh',
  XDG_RUNTIME_DIR: '/run/user/1',
}

let dataDir: string
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'codesdkd-namespaces-'))
})
afterEach(() => rmSync(dataDir, { recursive: true }))

const create = (): Namespaces => createNamespaces({ dataDir, environment, executable: async () => '/usr/bin/codex', offlineUrl: null })
const whose = (credentialNamespace: string, isolationLevel: Whose['isolationLevel'] = 'namespaced', sessionId = 'sess_1'): Whose => ({
  credentialNamespace,
  isolationLevel,
  sessionId,
})

describe('the variables of an agent', () => {
  test("shared: the user's home and the keys of this agent, and nothing else of the daemon's environment that could steer it", async () => {
    const { variables, credentials, shared, login } = await create().toEnv(runtime, whose('default', 'shared'))
    expect(shared).toBe(true)
    expect(credentials).toEqual({ OPENAI_API_KEY: 'sk-openai' })
    expect(login.variables).toEqual({ HOME: '/home/ada', XDG_CONFIG_HOME: '/home/ada/.config', CODEX_HOME: '/home/ada/.codex' })
    expect(variables).toEqual({
      PATH: '/usr/bin:/bin',
      LANG: 'C',
      LC_ALL: 'C.UTF-8',
      HOME: '/home/ada',
      XDG_CONFIG_HOME: '/home/ada/.config',
      CODEX_HOME: '/home/ada/.codex',
    })
  })

  test('otherwise: a home of its own, and no key but those of the session', async () => {
    const { variables, credentials, home } = await create().toEnv(runtime, whose('team'), {
      OPENAI_API_KEY: 'sk-of-the-session',
      LANG: 'de',
    })
    const own = variables['HOME'] ?? ''
    expect(credentials).toEqual({ OPENAI_API_KEY: 'sk-of-the-session' })
    expect(own.startsWith(join(dataDir, 'namespaces'))).toBe(true)
    expect(home.startsWith(join(dataDir, 'namespaces'))).toBe(true)
    expect(variables).toEqual({
      PATH: '/usr/bin:/bin',
      LANG: 'de',
      LC_ALL: 'C.UTF-8',
      HOME: own,
      XDG_CONFIG_HOME: join(own, '.config'),
      XDG_DATA_HOME: join(own, '.local/share'),
      XDG_STATE_HOME: join(own, '.local/state'),
      XDG_CACHE_HOME: join(own, '.cache'),
    })
  })

  test('keys: of the session before those that are stored, stored ones before those of the daemon; never among the variables', async () => {
    const toStored = (value: string) => ({ value, endpoint: null })
    const keys = () => ({ OPENAI_API_KEY: toStored('sk-stored'), CODEX_API_KEY: toStored('sk-stored-too') })
    const namespaces = createNamespaces({ dataDir, environment, executable: async () => null, offlineUrl: null, keys })
    const stored = await namespaces.toEnv(runtime, whose('default', 'shared'))
    expect(stored.credentials).toEqual({ OPENAI_API_KEY: 'sk-stored', CODEX_API_KEY: 'sk-stored-too' })
    const named = await namespaces.toEnv(
      runtime,
      { ...whose('team'), runtimeConfig: { base_url: 'http://127.0.0.1:1/v1', env_key: 'MY_KEY' } },
      { MY_KEY: 'sk-named', OPENAI_API_KEY: 'sk-of-the-session', OTHER: 'value' },
    )
    expect(named.credentials).toEqual({ MY_KEY: 'sk-named', OPENAI_API_KEY: 'sk-of-the-session', CODEX_API_KEY: 'sk-stored-too' })
    expect(named.variables['OTHER']).toBe('value')
    expect(JSON.stringify([stored.variables, named.variables])).not.toContain('sk-')
  })

  test('a key that the session does not bring itself is bound: to its provider, to the endpoint it was stored with, to what the daemon was told', async () => {
    const endpoint = 'https://gateway.example.com/v1'
    const keys = () => ({ CODEX_API_KEY: { value: 'sk-stored', endpoint } })
    const told = { ...environment, OPENAI_BASE_URL: 'https://own.example.com/v1' }
    const namespaces = createNamespaces({ dataDir, environment: told, executable: async () => null, offlineUrl: null, keys })
    const own = { variable: 'OPENAI_API_KEY', secret: 'sk-openai', endpoints: ['https://api.openai.com/v1', 'https://own.example.com/v1'] }
    const stored = { variable: 'CODEX_API_KEY', secret: 'sk-stored', endpoints: [endpoint] }
    const boundFor = async (level: Whose['isolationLevel'], env = {}) =>
      (await namespaces.toEnv(runtime, whose('default', level), env)).boundKeys
    expect(await boundFor('shared')).toEqual([own, stored])
    expect(await boundFor('namespaced')).toEqual([stored])
    expect(await boundFor('shared', { OPENAI_BASE_URL: 'https://evil.example' })).toEqual([own, stored])
    expect(await boundFor('shared', { CODEX_API_KEY: 'sk-other' })).toEqual([own])
    expect(await boundFor('shared', { OTHER: 'sk-stored' })).toEqual([own])
  })

  test.each(['shared', 'namespaced'] as const)(
    '%s behind a wall: a home of the session alone, and the login where it was',
    async (level) => {
      const sandbox = { mode: 'auto', walled: true, writableRoots: [], readableRoots: [], networkAllow: [] } as const
      const namespaces = create()
      const walled = (id: string) => namespaces.toEnv(runtime, { ...whose('default', level, id), sandbox })
      const [one, two, bare] = [await walled('sess_1'), await walled('sess_2'), await namespaces.toEnv(runtime, whose('default', level))]
      expect(new Set([one.variables['HOME'], two.variables['HOME'], bare.variables['HOME'], one.home, two.home]).size).toBe(5)
      expect(one.variables['HOME']?.startsWith(join(dataDir, 'namespaces'))).toBe(true)
      expect(one.variables['CODEX_HOME']).toBeUndefined()
      expect([one.login, two.login]).toEqual([bare.login, bare.login])
    },
  )

  test('there is always a PATH', async () => {
    const namespaces = createNamespaces({ dataDir, environment: {}, executable: async () => null, offlineUrl: null })
    expect((await namespaces.toEnv(runtime, whose('team'))).variables['PATH']).toMatch(/^\//)
  })
})

describe('the directories', () => {
  test('are made for a session (0700), not for whoever asks', async () => {
    const namespaces = create()
    await namespaces.toEnv(runtime, { credentialNamespace: 'team', isolationLevel: 'namespaced' })
    expect(existsSync(join(dataDir, 'namespaces'))).toBe(false)
    const { home, variables } = await namespaces.toEnv(runtime, whose('team'))
    const made = [
      join(dataDir, 'namespaces'),
      home,
      variables['HOME'] ?? '',
      variables['XDG_CONFIG_HOME'] ?? '',
      variables['XDG_CACHE_HOME'] ?? '',
    ]
    expect(made.map((path) => statSync(path).mode & 0o777)).toEqual(made.map(() => 0o700))
  })

  test("a login is at the same place for those who ask and for a session; a session's own directory is its own", async () => {
    const namespaces = create()
    const asked = await namespaces.toEnv(runtime, { credentialNamespace: 'team', isolationLevel: 'namespaced' })
    const [one, two] = [
      await namespaces.toEnv(runtime, whose('team')),
      await namespaces.toEnv(runtime, whose('team', 'namespaced', 'sess_2')),
    ]
    expect(asked.home).toBe(asked.login.home)
    expect([one.login, two.login]).toEqual([asked.login, asked.login])
    expect(new Set([asked.home, one.home, two.home]).size).toBe(3)
    expect((await namespaces.toEnv(runtime, whose('team'))).home).toBe(one.home)
  })

  test('differ exactly where namespaces differ, on any file system', async () => {
    const namespaces = create()
    const homeOf = async (name: string, level?: Whose['isolationLevel']) =>
      (await namespaces.toEnv(runtime, { credentialNamespace: name, isolationLevel: level ?? 'namespaced' })).home.toLowerCase()
    const tricky = ['a_b', 'a.b', 'a-b', 'Foo', 'foo', 'health', 'auth', 'default', 'ephemeral', 'shared', 'A'.repeat(64), 'a'.repeat(64)]
    expect(new Set(await Promise.all(tricky.map((name) => homeOf(name)))).size).toBe(tricky.length)
    expect(await homeOf('default', 'shared')).not.toBe(await homeOf('default'))
    const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/)
    await fc.assert(
      fc.asyncProperty(name, name, async (a, b) => {
        expect(credentialNamespace.safeParse(a).success).toBe(true)
        expect((await homeOf(a)) === (await homeOf(b))).toBe(a === b)
      }),
    )
  })
})

describe.each(['namespaced', 'ephemeral'] as const)('a %s session that is handed off', (level) => {
  const session = (generation: number) => ({ credentialNamespace: 'team', isolationLevel: level, sessionId: 'sess_1', generation })
  const homeOf = async (namespaces: Namespaces, generation: number) => (await namespaces.toEnv(runtime, session(generation))).home

  test('has a home of its own each time; those before are forgotten, all of them go with it', async () => {
    const namespaces = create()
    const homes = [await homeOf(namespaces, 0), await homeOf(namespaces, 1), await homeOf(namespaces, 2)]
    const { home: other } = await namespaces.toEnv(runtime, whose('team', level, 'sess_2'))
    expect(new Set([...homes, other]).size).toBe(4)
    const there = () => [...homes, other].map((path) => existsSync(path))
    await namespaces.forget(session(1))
    expect(there()).toEqual([false, true, true, true])
    await namespaces.remove(session(2))
    expect(there()).toEqual([false, false, false, true])
  })

  test('keeps variables that are withheld from its agent, as credentials and as variables', async () => {
    const env = { OPENAI_API_KEY: 'sk-mine', OTHER_KEY: 'sk-other', MINE: '1' }
    const given = await create().toEnv(runtime, { ...session(1), withheld: ['OPENAI_API_KEY', 'OTHER_KEY'] }, env)
    expect(given.credentials).toEqual({})
    expect(given.variables).toMatchObject({ MINE: '1' })
    expect(JSON.stringify(given)).not.toMatch(/sk-mine|sk-other/)
  })
})

describe('an ephemeral session', () => {
  test('shares its directory with no other session', async () => {
    const namespaces = create()
    const homes = await Promise.all(
      ['sess_1', 'sess_2'].map(async (id) => (await namespaces.toEnv(runtime, whose('default', 'ephemeral', id))).home),
    )
    expect(new Set(homes).size).toBe(2)
    expect((await namespaces.toEnv(runtime, whose('default', 'ephemeral', 'sess_1'))).home).toBe(homes[0])
  })

  test.each(['the daemon ends', 'a daemon that was killed is started again'])(
    'leaves nothing when %s; the others keep theirs',
    async (how) => {
      const namespaces = create()
      const { home } = await namespaces.toEnv(runtime, whose('default', 'ephemeral'))
      const other = await namespaces.toEnv(runtime, whose('team'))
      for (const path of [home, other.home]) {
        mkdirSync(join(path, 'sessions'))
        writeFileSync(join(path, 'sessions', 'rollout.jsonl'), 'what was said')
      }
      if (how === 'the daemon ends') namespaces[Symbol.dispose]()
      else create()
      expect(existsSync(home)).toBe(false)
      expect(readdirSync(join(other.home, 'sessions'))).toEqual(['rollout.jsonl'])
    },
  )
})
