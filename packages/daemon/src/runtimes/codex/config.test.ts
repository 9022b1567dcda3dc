import { lstat, mkdir, mkdtempDisposable, readFile, readlink, readdir, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { Problem } from '@codesdkd/protocol'
import { expect, test } from 'vitest'
import type { RuntimeEnv } from '../../core/ports.ts'
import { parseCodexConfig, prepareHome, toArguments } from './config.ts'

test('takes both spellings, and nothing it does not know', () => {
  expect(parseCodexConfig({ reasoningEffort: 'high', stream_idle_timeout_ms: 1000 })).toEqual({
    reasoning_effort: 'high',
    stream_idle_timeout_ms: 1000,
  })
  const refused = [
    { sandbox_mode: 'danger-full-access' },
    { approval_policy: 'never' },
    { reasoning_effort: 5 },
    { base_url: 'file:///etc' },
    { base_url: 'http://user:secret@host/v1' },
    { env_key: 'A=B' },
    { mcp_servers: { x: { command: 'a', default_tools_approval_mode: 'approve' } } },
    { mcp_servers: { 'a.b': { command: 'a' } } },
    { __proto__x: 1 },
  ]
  for (const config of refused) expect(() => parseCodexConfig(config)).toThrow(Problem)
})

const env = (home: string, more: Partial<RuntimeEnv> = {}): RuntimeEnv => ({
  executable: null,
  home,
  shared: false,
  variables: {},
  offlineUrl: null,
  ...more,
})

test('a home has our settings, and no rules or hooks', async () => {
  await using directory = await mkdtempDisposable(path.join(tmpdir(), 'home-'))
  const home = path.join(directory.path, 'new')
  await prepareHome(env(home), 'm')
  await mkdir(path.join(home, 'rules'))
  await writeFile(path.join(home, 'hooks.json'), '{}')
  await writeFile(path.join(home, 'config.toml'), 'approval_policy = "never"')
  await Promise.all([prepareHome(env(home), 'm'), prepareHome(env(home), 'n')])
  expect((await readdir(home)).toSorted()).toEqual(['config.toml', 'scratch'])
  expect(await readFile(path.join(home, 'config.toml'), 'utf8')).not.toContain('approval_policy')
  expect((await stat(home)).mode & 0o777).toBe(0o700)
})

test('a shared home links the login of the user, of which there is only one', async () => {
  await using directory = await mkdtempDisposable(path.join(tmpdir(), 'home-'))
  const [home, user] = [path.join(directory.path, 'home'), path.join(directory.path, 'user')]
  await mkdir(user)
  const shared = env(home, { shared: true, variables: { CODEX_HOME: user, HOME: '/nowhere' } })
  await prepareHome(shared, 'm')
  expect((await readdir(home)).toSorted()).toEqual(['config.toml', 'scratch'])
  await writeFile(path.join(user, 'auth.json'), '{}')
  await writeFile(path.join(user, 'config.toml'), '')
  await Promise.all([prepareHome(shared, 'm'), prepareHome(shared, 'n')])
  expect(await readlink(path.join(home, 'auth.json'))).toBe(path.join(user, 'auth.json'))
  expect((await readdir(home)).toSorted()).toEqual(['auth.json', 'config.toml', 'scratch'])
  await prepareHome(env(path.join(directory.path, 'own'), { variables: shared.variables }), 'm')
  await expect(lstat(path.join(directory.path, 'own', 'auth.json'))).rejects.toThrow('ENOENT')
})

const launch = { cwd: '/a "b"/.x', trustWorkspace: false, model: null, config: {}, loggedIn: false, mark: 'mark', scratch: '/scratch' }
const flags = (args: readonly string[]) => args.filter((_, index) => args[index - 1] === '-c')

test('no workspace is trusted, and no key is among the arguments', () => {
  const variables = { OPENAI_API_KEY: 'sk-secret' }
  const args = toArguments({ ...launch, env: env('/home', { variables }) })
  expect(args[0]).toBe('app-server')
  expect(flags(args)).toContain('projects={ "/a \\"b\\"/.x" = { "trust_level" = "untrusted" } }')
  expect(flags(args)).toContain('model_providers.codesdkd.env_key="OPENAI_API_KEY"')
  expect(args.join(' ')).not.toContain('sk-secret')
})

test('a login goes before a key of the environment; a session may name its own', () => {
  const variables = { CODEX_API_KEY: 'sk-secret' }
  expect(toArguments({ ...launch, loggedIn: true, env: env('/home', { variables }) }).join(' ')).not.toContain('model_provider')
  const own = toArguments({
    ...launch,
    loggedIn: true,
    config: {
      base_url: 'http://127.0.0.1:1/v1',
      env_key: 'MINE',
      mcp_servers: { hub: { url: 'http://127.0.0.1:1', bearer_token_env_var: 'HUB' } },
    },
    env: env('/home', { variables }),
  })
  expect(flags(own)).toContain('model_providers.codesdkd.env_key="MINE"')
  expect(flags(own)).toContain('shell_environment_policy.exclude=["OPENAI_API_KEY", "CODEX_API_KEY", "MINE", "HUB", "CODEX_*"]')
})
