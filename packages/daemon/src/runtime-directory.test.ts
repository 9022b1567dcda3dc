import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Verification } from '@codesdkd/protocol'
import type { RuntimeEnv } from './core/ports.ts'
import { sampleEnv } from './core/testing/env.ts'
import { createRuntimeDirectory } from './runtime-directory.ts'
import { runtimeAliases } from './configuration/runtime-names.ts'
import { createCodexRuntime } from './runtimes/codex/codex.ts'

const codex = createCodexRuntime({ ledger: { started: () => undefined, ended: () => undefined }, newId: () => 'id' })

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'codesdkd-directory-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

/** An executable that notes each run and then does what the lines say. */
function script(lines: string, mode = 0o700): string {
  const path = join(folder, 'codex')
  writeFileSync(path, `#!/bin/sh\necho run >> ${join(folder, 'runs')}\n${lines}\n`, { mode })
  return path
}

const runs = () => readFileSync(join(folder, 'runs'), 'utf8').split('\n').length - 1

/** What the tests do not look at. */
const world = {
  aliases: runtimeAliases,
  defaultName: codex.name,
  source: () => Promise.resolve('configured' as const),
  verified: { get: (): Verification | null => null },
  confinement: () => 'tool_paths' as const,
  verifier: { verify: () => Promise.reject(new Error('nobody asks for this here')) },
}

/** A directory over the real runtime and this executable, with a clock that stands until it is moved. */
function create(executable: string | null, last: Verification | null = null) {
  const clock = { now: () => '2026-11-22T00:00:00.000Z', monotonic: () => clock.at, at: 0 }
  const asked: (string | null)[] = []
  const environment = async (_runtime: unknown, namespace: string | null): Promise<RuntimeEnv> => {
    asked.push(namespace)
    return sampleEnv({ executable, home: folder, variables: { PATH: '/usr/bin:/bin' } })
  }
  const runtimes = new Map([[codex.name, codex]])
  return {
    clock,
    asked,
    directory: createRuntimeDirectory({ ...world, runtimes, environment, clock, verified: { get: () => last } }),
  }
}

describe('health', () => {
  test('is asked once for all who want to know at the same time, and for ten seconds', async () => {
    const { directory, clock } = create(script('echo codex-cli 1.2.3'))
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_unused, index) => directory.health([null, 'codex', 'codex-sdk'][index % 3] ?? null)),
    )
    expect(new Set(answers).size).toBe(1)
    expect(answers[0]).toMatchObject({ ok: true, runtime: 'codex-sdk', version: '1.2.3', installed: true, checked_at: clock.now() })
    clock.at = 9_999
    await directory.health(null)
    expect(runs()).toBe(1)
    clock.at = 10_000
    await directory.health(null)
    expect(runs()).toBe(2)
  })

  test.each<[string, () => string | null, object]>([
    ['is not there', () => null, { installed: false, error: { reason: 'not_installed' } }],
    ['cannot be executed', () => script('echo codex-cli 1.2.3', 0o600), { installed: true, error: { reason: 'not_working' } }],
    ['fails', () => script('echo codex-cli 1.2.3; exit 1'), { installed: true, error: { reason: 'not_working' } }],
    ['says nothing', () => script(''), { installed: true, error: { reason: 'not_working' } }],
    ['never stops talking', () => script('exec yes'), { installed: true, error: { reason: 'not_working' } }],
  ])('an agent that %s is not healthy, which is an answer', async (_what, executable, health) => {
    expect(await create(executable()).directory.health(null)).toMatchObject({ ok: false, version: null, ...health })
  })

  test('an environment that cannot be made is an answer, too', async () => {
    const directory = createRuntimeDirectory({
      runtimes: new Map([[codex.name, codex]]),
      ...world,
      environment: () => Promise.reject(new Error('the disk is full')),
      clock: { now: () => 'now', monotonic: () => 0 },
    })
    expect(await directory.health(null)).toEqual({
      ok: false,
      runtime: 'codex-sdk',
      version: null,
      installed: false,
      checked_at: 'now',
      auth: { logged_in: false, auth_model: 'login_or_api_key' },
      error: { reason: 'probe_failed', message: 'The agent could not be asked.' },
    })
  })
})

test('an unknown runtime is refused with the ones there are', async () => {
  const { directory } = create(null)
  for (const name of ['', 'cody', '__proto__', 'constructor', 'x'.repeat(10_000)]) {
    const refused = { code: 'unknown_runtime', members: { runtime: name.slice(0, 64), allowed: ['codex-sdk'] } }
    await expect(directory.health(name)).rejects.toMatchObject(refused)
    await expect(directory.authStatus(name, null)).rejects.toMatchObject(refused)
    await expect(directory.capabilities(name)).rejects.toMatchObject(refused)
  }
})

test('the login is that of the namespace which was asked for', async () => {
  const { directory, asked } = create(null)
  expect(await directory.authStatus('codex', 'team')).toMatchObject({ ok: true, logged_in: false })
  writeFileSync(join(folder, 'auth.json'), '{}')
  expect(await directory.authStatus(null, null)).toMatchObject({ ok: true, logged_in: true })
  expect(asked).toEqual(['team', null])
})

describe('what was measured', () => {
  const differences = [{ capability: 'supports_stop', declared: true, measured: false }]
  const last = { runtime: codex.name, agent_version: '1.2.3', verified_at: '2026-11-21T00:00:00.000Z', probes: [], differences }

  test('stands beside what is declared', async () => {
    const { directory } = create(script('echo codex-cli 1.2.3'), last)
    expect(await directory.capabilities(null)).toEqual({
      ...codex.capabilities,
      confinement: 'tool_paths',
      agent_version: '1.2.3',
      verified_at: last.verified_at,
      stale: false,
      differences,
    })
    expect(await directory.list()).toMatchObject([{ runtime: 'codex-sdk', verified_at: last.verified_at, stale: false }])
  })

  test.each(['echo codex-cli 1.2.4', 'exit 1'])('is stale where it may not hold any more: %s', async (lines) => {
    const { directory } = create(script(lines), last)
    expect(await directory.capabilities(null)).toMatchObject({ agent_version: '1.2.3', stale: true, differences })
    expect(await directory.list()).toMatchObject([{ stale: true }])
  })

  test('is nothing before the first time, and costs nothing to tell', async () => {
    const { directory, asked } = create(script('echo codex-cli 1.2.3'))
    expect(await directory.capabilities(null)).toEqual({
      ...codex.capabilities,
      confinement: 'tool_paths',
      agent_version: null,
      verified_at: null,
      stale: false,
      differences: [],
    })
    expect(asked).toEqual([])
  })
})

test('the list has each runtime once, the default one first, as well as they are', async () => {
  const other = { ...codex, name: 'aaa', health: () => Promise.reject(new Error('it is broken')) }
  const directory = createRuntimeDirectory({
    ...world,
    runtimes: new Map([
      ['aaa', other],
      [codex.name, codex],
    ]),
    environment: async () => sampleEnv({ home: folder }),
    source: ({ name }) => (name === 'aaa' ? Promise.reject(new Error('it is broken')) : Promise.resolve(null)),
    clock: { now: () => 'now', monotonic: () => 0 },
  })
  const auth = { logged_in: false, auth_model: 'login_or_api_key' }
  const unverified = {
    verified_at: null,
    stale: false,
    executable_source: null,
    healthy: false,
    installed: false,
    version: null,
    confinement: 'tool_paths',
  }
  expect(await directory.list()).toMatchObject([
    { ...unverified, runtime: 'codex-sdk', aliases: ['codex'], default: true, auth, error: { reason: 'not_installed' } },
    { ...unverified, runtime: 'aaa', aliases: [], default: false, auth, error: { reason: 'probe_failed' } },
  ])
})
