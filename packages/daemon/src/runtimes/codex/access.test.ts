import { mkdir, mkdtempDisposable, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { expect, test } from 'vitest'
import { openAccess } from './access.ts'
import { parseCodexConfig } from './config.ts'
import type { Route } from '../../core/enclosure.ts'
import { openEnclosure, sampleAgentEnv } from '../../core/testing/env.ts'

/** A namespace with directories of its own, and what is asked of its enclosure. */
async function openNamespace() {
  const directory = await mkdtempDisposable(path.join(tmpdir(), 'access-'))
  const [user, own] = [path.join(directory.path, 'user'), path.join(directory.path, 'own')]
  await Promise.all([mkdir(path.join(user, '.codex'), { recursive: true }), mkdir(own)])
  const routes: Route[] = []
  const hosts: string[] = []
  const env = sampleAgentEnv({
    login: { home: own, variables: { HOME: user } },
    enclosure: {
      ...openEnclosure,
      open(route) {
        routes.push(route)
        return { url: `http://gateway/${route.name}`, placeholder: 'placeholder' }
      },
      allow: (more) => void hosts.push(...more),
    },
  })
  const logIn = async (home: string, content: object) => await writeFile(path.join(home, 'auth.json'), JSON.stringify(content))
  return { env, routes, hosts, user: path.join(user, '.codex'), own, logIn, [Symbol.asyncDispose]: () => directory.remove() }
}

const route = (secret: string | null, upstream = 'https://api.openai.com/v1') => ({
  name: 'model',
  dialect: 'responses',
  upstream,
  credential: secret === null ? null : { kind: 'bearer', secret },
})
const tokens = { auth_mode: 'chatgpt', OPENAI_API_KEY: null, tokens: { access_token: 'a', refresh_token: 'r', id_token: 'i' } }

test('a key goes to the gateway, and the agent gets what stands for it', async () => {
  await using place = await openNamespace()
  const access = await openAccess({ ...place.env, credentials: { CODEX_API_KEY: 'sk-secret' } }, {})
  expect(place.routes).toEqual([route('sk-secret')])
  expect(access).toMatchObject({
    login: null,
    provider: { base_url: 'http://gateway/model', env_key: 'CODEX_GATEWAY_KEY', wire_api: 'responses' },
  })
  expect(access.variables).toEqual({ CODEX_GATEWAY_KEY: 'placeholder' })
  expect(JSON.stringify(access)).not.toContain('sk-secret')
  expect(place.hosts).toEqual([])
})

test('an endpoint of the session gets the key that it names, and no other', async () => {
  await using place = await openNamespace()
  await place.logIn(place.own, tokens)
  const env = { ...place.env, credentials: { OPENAI_API_KEY: 'sk-secret', MINE: 'mine' } }
  const base_url = 'http://127.0.0.1:1/v1'
  await openAccess(env, parseCodexConfig({ base_url, env_key: 'MINE' }))
  await openAccess(env, parseCodexConfig({ base_url }))
  await openAccess(env, parseCodexConfig({ env_key: 'MINE' }))
  expect(place.routes).toEqual([route('mine', base_url), route(null, base_url), route('mine')])
  await expect(openAccess(env, parseCodexConfig({ base_url, env_key: 'NONE' }))).rejects.toMatchObject({
    failure: { code: 'auth_required' },
  })
})

test('the offline model needs no key, and gets none', async () => {
  await using place = await openNamespace()
  const env = { ...place.env, offlineUrl: 'http://127.0.0.1:1', credentials: { OPENAI_API_KEY: 'sk-secret' } }
  const { provider } = await openAccess(env, {})
  expect(place.routes).toEqual([route(null, 'http://127.0.0.1:1/v1')])
  expect(provider).toMatchObject({ request_max_retries: 1, stream_idle_timeout_ms: 15_000 })
})

test('a login goes before a key of the environment: it is Codex that uses it, at hosts of its own', async () => {
  await using place = await openNamespace()
  await place.logIn(place.own, tokens)
  const access = await openAccess({ ...place.env, credentials: { OPENAI_API_KEY: 'sk-secret' } }, {})
  expect(access).toEqual({ provider: null, variables: {}, login: path.join(place.own, 'auth.json') })
  expect(place.routes).toEqual([])
  expect(place.hosts).toContain('chatgpt.com')
})

test('a login that is no more than a key goes to the gateway', async () => {
  await using place = await openNamespace()
  await place.logIn(place.own, { auth_mode: 'apikey', OPENAI_API_KEY: 'sk-login' })
  expect(await openAccess(place.env, {})).toMatchObject({ login: null })
  await place.logIn(place.own, { OPENAI_API_KEY: 'sk-older' })
  await openAccess(place.env, {})
  expect(place.routes).toEqual([route('sk-login'), route('sk-older')])
})

test('the login is that of the namespace, and in level shared that of the user, wherever the file lies', async () => {
  await using place = await openNamespace()
  await place.logIn(place.own, tokens)
  const shared = { ...place.env, shared: true }
  await expect(openAccess(shared, {})).rejects.toMatchObject({
    failure: { code: 'auth_required', message: expect.stringContaining('codesdkd') },
  })
  await symlink(path.join(place.own, 'auth.json'), path.join(place.user, 'auth.json'))
  expect((await openAccess(shared, {})).login).toBe(path.join(place.own, 'auth.json'))
  const elsewhere = { ...shared, login: { ...shared.login, variables: { ...shared.login.variables, CODEX_HOME: '/nowhere' } } }
  await expect(openAccess(elsewhere, {})).rejects.toMatchObject({ failure: { code: 'auth_required' } })
})
