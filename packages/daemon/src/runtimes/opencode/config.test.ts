import { lstat, mkdir, mkdtempDisposable, readFile, readdir, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { expect, test } from 'vitest'
import type { Route } from '../../core/enclosure.ts'
import type { AgentEnv } from '../../core/ports.ts'
import { sampleAgentEnv } from '../../core/testing/env.ts'
import { checkRoute } from '../../keys/bound-keys.ts'
import type { PrepareContext } from '../acp/profile.ts'
import { prepareLaunch } from './config.ts'
import type { OpenCodeConfig } from './config.ts'

interface Home extends AsyncDisposable {
  readonly root: string
  readonly home: string
  context(more?: {
    readonly PATH?: string
    readonly model?: string
    readonly credentials?: AgentEnv['credentials']
  }): PrepareContext<OpenCodeConfig>
}

async function openHome(): Promise<Home> {
  const { path: root, ...temporary } = await mkdtempDisposable(path.join(tmpdir(), 'home-'))
  const home = path.join(root, 'home')
  await mkdir(home)
  return {
    root,
    home,
    context: ({ PATH = '', model = null, credentials = { OPENAI_API_KEY: 'key-of-openai' } } = {}) => ({
      env: sampleAgentEnv({ home, variables: { PATH }, credentials }),
      spec: {
        sessionId: 'session',
        cwd: root,
        model,
        permissionMode: 'ask',
        runtimeConfig: {},
        resume: null,
        isolationLevel: 'namespaced',
        trustWorkspace: false,
        tools: [],
      },
      config: {},
      mark: 'mark',
    }),
    [Symbol.asyncDispose]: () => temporary.remove(),
  }
}

test('links that an agent has left in its home lead the daemon nowhere', async () => {
  await using place = await openHome()
  const outside = path.join(place.root, 'outside')
  await mkdir(path.join(outside, 'mark', 'config'), { recursive: true })
  await writeFile(path.join(outside, 'mark', 'opencode.json'), 'theirs')
  await symlink(outside, path.join(place.home, 'run'))
  await symlink(outside, path.join(place.home, 'cache'))
  {
    await using launch = await prepareLaunch(place.context())
    expect(launch.variables['OPENCODE_CONFIG']).toBe(path.join(place.home, 'run', 'mark', 'opencode.json'))
    expect((await lstat(path.join(place.home, 'run'))).isDirectory()).toBe(true)
    expect(JSON.parse(await readFile(path.join(place.home, 'run', 'mark', 'opencode.json'), 'utf8'))).toMatchObject({ share: 'disabled' })
  }
  expect(await readdir(outside, { recursive: true })).toEqual(expect.arrayContaining(['mark', 'mark/config', 'mark/opencode.json']))
  expect(await readdir(outside, { recursive: true })).toHaveLength(3)
  expect(await readFile(path.join(outside, 'mark', 'opencode.json'), 'utf8')).toBe('theirs')
})

test('a model whose provider has a key for another endpoint is told so; a model of another provider works', async () => {
  await using place = await openHome()
  const context = (model?: string) => {
    const made = place.context({
      ...(model === undefined ? {} : { model }),
      credentials: { OPENAI_API_KEY: 'key-o', GROQ_API_KEY: 'key-g' },
    })
    const boundKeys = [{ variable: 'OPENAI_API_KEY', secret: 'key-o', endpoints: ['https://elsewhere.example/v1'] }]
    const { enclosure } = made.env
    const open = (route: Route) => {
      checkRoute(route, boundKeys)
      return enclosure.open(route)
    }
    return { ...made, env: { ...made.env, enclosure: { ...enclosure, open } } }
  }
  await expect(prepareLaunch(context('openai/gpt-5'))).rejects.toThrow(/OPENAI_API_KEY is for https:\/\/elsewhere\.example\/v1/)
  await (await prepareLaunch(context('groq/llama')))[Symbol.asyncDispose]()
  await (await prepareLaunch(context()))[Symbol.asyncDispose]()
})

test('what belongs to one process is nobody elses, and ends with it', async () => {
  await using place = await openHome()
  await mkdir(path.join(place.home, 'run', 'earlier'), { recursive: true })
  {
    await using _launch = await prepareLaunch(place.context())
    expect(await readdir(path.join(place.home, 'run'))).toEqual(['mark'])
    expect((await stat(path.join(place.home, 'run', 'mark', 'opencode.json'))).mode & 0o777).toBe(0o600)
  }
  expect(await readdir(place.home)).not.toContain('run')
})

test('it searches with the ripgrep of the machine, and without one it is told so: it never downloads one', async () => {
  await using place = await openHome()
  const bin = path.join(place.root, 'bin')
  {
    await using launch = await prepareLaunch(place.context({ PATH: bin }))
    const standIn = path.join(launch.variables['XDG_CACHE_HOME'] ?? '', 'opencode', 'bin', 'rg')
    expect((await stat(standIn)).mode & 0o777).toBe(0o700)
    expect(launch.readable).toEqual([import.meta.dirname])
  }
  await mkdir(bin)
  await writeFile(path.join(bin, 'rg'), '', { mode: 0o755 })
  await using launch = await prepareLaunch(place.context({ PATH: bin }))
  expect(launch.readable).toEqual([import.meta.dirname, path.join(bin, 'rg')])
})

test('without a key for what it is to use it does not start', async () => {
  await using place = await openHome()
  const start = async (more: Parameters<Home['context']>[0]) => {
    await using launch = await prepareLaunch(place.context(more))
    return Object.keys(JSON.parse(await readFile(launch.variables['OPENCODE_CONFIG'] ?? '', 'utf8')).provider)
  }
  const missing = { failure: { code: 'auth_required' } }
  await expect(start({ credentials: {} })).rejects.toMatchObject(missing)
  await expect(start({ model: 'anthropic/claude-sonnet-4-5' })).rejects.toMatchObject(missing)
  await expect(start({ model: 'claude-sonnet-4-5' })).rejects.toMatchObject({ failure: { code: 'model_request_rejected' } })
  expect(await start({})).toEqual(['openai'])
  expect(await start({ model: 'openai/gpt-5.4' })).toEqual(['openai'])
  // What the daemon has not in its table may have its key in a variable of the session.
  expect(await start({ model: 'amazon-bedrock/one' })).toEqual(['openai', 'amazon-bedrock'])
})
