import { mkdir, mkdtempDisposable, realpath, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { expect, test } from 'vitest'
import type { Enclosure, Route } from '../../core/enclosure.ts'
import type { AgentEnv } from '../../core/ports.ts'
import { openEnclosure, sampleAgentEnv } from '../../core/testing/env.ts'
import { findLogin, openAccess } from './access.ts'

/** An enclosure that notes what is asked of it. */
function createEnv(more: Partial<AgentEnv> = {}) {
  const routes: Route[] = []
  const hosts: string[] = []
  const enclosure: Enclosure = {
    ...openEnclosure,
    open(route) {
      routes.push(route)
      return { url: `http://gateway/${route.name}`, placeholder: 'placeholder' }
    },
    allow: (names) => void hosts.push(...names),
  }
  const env = sampleAgentEnv({ ...more, enclosure })
  return { env, routes, hosts }
}

const variables = { GOOGLE_GEMINI_BASE_URL: 'http://gateway/model', GEMINI_API_KEY: 'placeholder' }
const credentials = { GEMINI_API_KEY: 'one', OWN: 'two' }
const toRoute = (upstream: string, secret: string | null): Route => ({
  name: 'model',
  dialect: 'generate_content',
  upstream,
  credential: secret === null ? null : { kind: 'key', secret },
})

test.each([
  [{ credentials }, {}, 'gemini-api-key', toRoute('https://generativelanguage.googleapis.com', 'one')],
  [{ credentials }, { base_url: 'http://model', env_key: 'OWN' }, 'gateway', toRoute('http://model', 'two')],
  [{}, { base_url: 'http://model' }, 'gateway', toRoute('http://model', null)],
  [{ offlineUrl: 'http://offline', credentials }, {}, 'gateway', toRoute('http://offline', null)],
  [{ offlineUrl: 'http://offline' }, { base_url: 'http://model' }, 'gateway', toRoute('http://model', null)],
] as const)('with %j and %j the agent goes through the gateway as %s', async (more, config, methodId, route) => {
  const { env, routes, hosts } = createEnv(more)
  expect(await openAccess(env, config)).toEqual({ methodId, variables, login: [] })
  expect([routes, hosts]).toEqual([[route], []])
})

test('the login of the user is used where there is no key, and only by who may', async () => {
  await using root = await mkdtempDisposable(path.join(await realpath(tmpdir()), 'access-'))
  const file = path.join(root.path, 'kept', 'tokens.json')
  await Promise.all([mkdir(path.dirname(file)), mkdir(path.join(root.path, '.gemini'))])
  await writeFile(file, '{}')
  await symlink(file, path.join(root.path, '.gemini', 'oauth_creds.json'))
  const login = { home: '/nowhere', variables: { HOME: root.path } }
  const { env, routes, hosts } = createEnv({ shared: true, login })
  const files = [{ name: 'oauth_creds.json', file }]
  expect(await openAccess(env, {})).toEqual({ methodId: 'oauth-personal', variables: {}, login: files })
  expect(routes).toEqual([])
  expect(hosts).toContain('cloudcode-pa.googleapis.com')
  expect(await findLogin({ shared: true, login: { ...login, variables: { ...login.variables, GEMINI_CLI_HOME: '/nowhere' } } })).toEqual([])
  const other = createEnv({ login })
  expect(await openAccess(other.env, {})).toEqual({ variables: {}, login: [] })
  expect(other.hosts).toEqual([])
  const keyed = createEnv({ shared: true, login, credentials })
  expect(await openAccess(keyed.env, {})).toMatchObject({ methodId: 'gemini-api-key', login: [] })
})

test('a key that is named and not there is told', async () => {
  const { env } = createEnv({ credentials })
  await expect(openAccess(env, { env_key: 'NONE', base_url: 'http://model' })).rejects.toThrow('NONE')
})
