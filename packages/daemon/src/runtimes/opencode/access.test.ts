import { mkdir, mkdtempDisposable, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { expect, test } from 'vitest'
import type { Route } from '../../core/enclosure.ts'
import type { AgentEnv } from '../../core/ports.ts'
import { checkRoute } from '../../keys/bound-keys.ts'
import { openEnclosure, sampleAgentEnv } from '../../core/testing/env.ts'
import { openAccess } from './access.ts'
import { readLogin } from './login.ts'

interface Recorded {
  readonly env: AgentEnv
  readonly routes: readonly Route[]
  readonly hosts: readonly string[]
}

function record(more: Partial<AgentEnv>): Recorded {
  const routes: Route[] = []
  const hosts: string[] = []
  const enclosure = {
    ...openEnclosure,
    open: (route: Route) => ({ url: `http://gateway/${routes.push(route)}`, placeholder: 'stands-for-a-key' }),
    allow: (more_: readonly string[]) => void hosts.push(...more_),
  }
  return { env: sampleAgentEnv({ ...more, enclosure }), routes, hosts }
}

async function withLogin(login: unknown): Promise<AsyncDisposable & { readonly path: string; readonly login: AgentEnv['login'] }> {
  const root = await mkdtempDisposable(path.join(tmpdir(), 'login-'))
  await mkdir(path.join(root.path, 'opencode'))
  await writeFile(path.join(root.path, 'opencode', 'auth.json'), typeof login === 'string' ? login : JSON.stringify(login))
  const variables = { XDG_DATA_HOME: root.path }
  return { path: root.path, login: { home: root.path, variables }, [Symbol.asyncDispose]: () => root[Symbol.asyncDispose]() }
}

test('each key opens a way to its provider, and to no other', async () => {
  const { env, routes } = record({ credentials: { ANTHROPIC_API_KEY: 'key-a', GEMINI_API_KEY: 'key-g', GROQ_API_KEY: '' } })
  const { passages, doors } = await openAccess(env, {})
  expect(routes).toEqual([
    { name: 'anthropic', dialect: 'messages', upstream: 'https://api.anthropic.com/v1', credential: { kind: 'key', secret: 'key-a' } },
    {
      name: 'google',
      dialect: 'generate_content',
      upstream: 'https://generativelanguage.googleapis.com/v1beta',
      credential: { kind: 'key', secret: 'key-g' },
    },
  ])
  expect([...passages]).toEqual([
    ['anthropic', { url: 'http://gateway/1', placeholder: 'stands-for-a-key' }],
    ['google', { url: 'http://gateway/2', placeholder: 'stands-for-a-key' }],
  ])
  expect(doors).toEqual({})
})

test('a provider with models of several kinds has a door for each', async () => {
  const { env, routes } = record({ credentials: { OPENCODE_API_KEY: 'key-o' } })
  const { passages, doors } = await openAccess(env, {})
  expect(routes.map(({ name, dialect }) => [name, dialect])).toEqual([
    ['opencode', 'chat_completions'],
    ['opencode-messages', 'messages'],
    ['opencode-generate_content', 'generate_content'],
  ])
  expect(passages.get('opencode')?.url).toBe('http://gateway/1')
  expect(doors['opencode']).toEqual({
    base: 'http://gateway/1',
    others: [
      { path: '/messages', url: 'http://gateway/2' },
      { path: '/models/', url: 'http://gateway/3' },
    ],
  })
})

test("keys of OpenCode's own login go the same way; one of a variable counts first, and no host is opened", async () => {
  await using place = await withLogin({
    anthropic: { type: 'api', key: 'login-a' },
    zai: { type: 'api', key: 'login-z' },
    openai: { type: 'oauth', access: 'token', refresh: 'token', expires: 1 },
    unheard: { type: 'api', key: 'login-u' },
    groq: { type: 'api' },
  })
  const { env, routes, hosts } = record({ credentials: { ANTHROPIC_API_KEY: 'key-a' }, login: place.login })
  await openAccess(env, {})
  expect(routes.map(({ name, credential }) => [name, credential?.secret])).toEqual([
    ['anthropic', 'key-a'],
    ['zai', 'login-z'],
  ])
  expect(hosts).toEqual([])
})

test('a key that is meant for another endpoint than its provider costs that provider alone', async () => {
  const { env, routes } = record({ credentials: { OPENAI_API_KEY: 'key-o', GROQ_API_KEY: 'key-g' } })
  const boundKeys = [{ variable: 'OPENAI_API_KEY', secret: 'key-o', endpoints: ['https://elsewhere.example/v1'] }]
  const open = (route: Route) => {
    checkRoute(route, boundKeys)
    return env.enclosure.open(route)
  }
  const { passages, refused } = await openAccess({ ...env, enclosure: { ...env.enclosure, open } }, {})
  expect(routes.map(({ name }) => name)).toEqual(['groq'])
  expect([...passages.keys()]).toEqual(['groq'])
  expect([...refused]).toEqual([['openai', expect.objectContaining({ failure: expect.objectContaining({ code: 'auth_required' }) })]])
})

test('an endpoint of the session is the only one, with the key that it names or none', async () => {
  const { env, routes } = record({ credentials: { MY_KEY: 'key-m', OPENAI_API_KEY: 'key-o' } })
  await openAccess(env, { base_url: 'http://model/v1', env_key: 'MY_KEY' })
  expect(routes).toEqual([
    { name: 'model', dialect: 'chat_completions', upstream: 'http://model/v1', credential: { kind: 'bearer', secret: 'key-m' } },
  ])
  const offline = record({ offlineUrl: 'http://offline' })
  const { passages } = await openAccess(offline.env, {})
  expect(offline.routes).toMatchObject([{ upstream: 'http://offline/v1', credential: null }])
  expect([...passages.keys()]).toEqual(['codesdkd'])
  await expect(openAccess(env, { base_url: 'http://model/v1', env_key: 'NONE' })).rejects.toMatchObject({
    failure: { code: 'auth_required' },
  })
})

test.each(['', '{', '[]', '{"anthropic":"key"}', '{"anthropic":{"type":"api","key":" "}}'])(
  'a login file that holds %j is no login',
  async (text) => {
    await using place = await withLogin(text)
    expect((await readLogin(place)).size).toBe(0)
  },
)

test('a login file may be a link; one that is none, or is too large, is no login', async () => {
  await using place = await withLogin({ xai: { type: 'api', key: 'login-x' } })
  await using other = await withLogin(' '.repeat(2 * 1024 * 1024))
  await mkdir(path.join(place.path, 'linked', 'opencode'), { recursive: true })
  await symlink(path.join(place.path, 'opencode', 'auth.json'), path.join(place.path, 'linked', 'opencode', 'auth.json'))
  const read = (directory: string) => readLogin({ login: { home: directory, variables: { XDG_DATA_HOME: directory } } })
  expect([...(await read(path.join(place.path, 'linked')))]).toEqual([['xai', 'login-x']])
  expect((await readLogin(other)).size).toBe(0)
  expect((await read(path.join(place.path, 'nowhere'))).size).toBe(0)
  expect((await readLogin({ login: { home: '/nowhere', variables: {} } })).size).toBe(0)
})
