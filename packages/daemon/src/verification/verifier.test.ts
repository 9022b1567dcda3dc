import { randomUUID } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Capabilities } from '@codesdkd/protocol'
import { createAgentExecutables } from '../installed/agent-executables.ts'
import type { Runtime } from '../core/ports.ts'
import { createEnclosures } from '../enclosures.ts'
import { findWall } from '../find-wall.ts'
import { runtimes as supported } from '../runtimes/index.ts'
import { createVerified } from './verified.ts'
import { createVerifier, type Verifier } from './verifier.ts'

const name = 'codex-sdk'
const clock = { now: () => '2026-11-22T00:00:00.000Z', monotonic: () => 0 }

let dataDir: string
const pids: number[] = []
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'codesdkd-verifier-'))
  pids.length = 0
})
afterEach(() => rmSync(dataDir, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }))

/** The real Codex, as far as `capabilities` does not say something else about it. */
function codex(capabilities: Partial<Capabilities> = {}): Runtime {
  let ids = 0
  const ledger = { started: ({ pid }: { pid: number }) => pids.push(pid), ended: () => undefined }
  const runtime = supported.get(name)?.create({ ledger, newId: () => `verifier-${process.pid}-${(ids += 1)}` })
  if (runtime === undefined) throw new Error('there is no Codex')
  return { ...runtime, capabilities: { ...runtime.capabilities, ...capabilities } }
}

function open(executable?: string): Verifier {
  const configured = new Map(executable === undefined ? [] : [[name, executable]])
  const executables = createAgentExecutables({ supported, configured, dataDir, searchPath: '' })
  const environment = { PATH: process.env['PATH'] }
  const wall = findWall({ sandbox: 'auto' }, { scratch: tmpdir(), environment })
  return createVerifier({
    dataDir,
    verified: createVerified(dataDir),
    clock,
    environment,
    executables,
    enclosures: async (directory) => createEnclosures({ directory, environment, wall: await wall, hidden: [dataDir], newId: randomUUID }),
    walled: async () => (await wall).wall !== null,
  })
}

const never = new AbortController().signal
const verified = () => createVerified(dataDir).get(name)

describe('the real Codex', () => {
  test('is as it is declared, and nothing is left of the probes but what they found', { timeout: 60_000 }, async () => {
    await using verifier = open()
    const found = await verifier.verify(codex(), never)
    expect(found.probes.filter(({ ok }) => !ok)).toEqual([])
    expect(found).toMatchObject({
      runtime: name,
      agent_version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      verified_at: clock.now(),
      differences: [],
    })
    expect(found.probes.map((probe) => probe.name)).toEqual(
      expect.arrayContaining(['streaming', 'ask-denied', 'resume', 'stop', 'mcp-stdio']),
    )
    expect(verified()).toEqual(found)
    expect(readdirSync(join(dataDir, 'verifying'))).toEqual([])
    expect(readdirSync(dataDir).toSorted()).toEqual(['verified', 'verifying'])
    expect(statSync(join(dataDir, 'verified', `${name}.json`)).mode & 0o777).toBe(0o600)
    expect(pids.length).toBeGreaterThan(2)
    expect(pids.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([])
  })

  test('declared otherwise differs from what is measured', { timeout: 60_000 }, async () => {
    await using verifier = open()
    const lies = {
      supports_deny_reason: false,
      max_outstanding_tool_calls: 1,
      permission_model: 'none',
      cancellation_model: 'kill',
    } as const
    const { differences } = await verifier.verify(codex(lies), never)
    expect(differences.toSorted((a, b) => a.capability.localeCompare(b.capability))).toEqual([
      { capability: 'cancellation_model', declared: 'kill', measured: 'interrupt' },
      { capability: 'max_outstanding_tool_calls', declared: 1, measured: 2 },
      { capability: 'permission_model', declared: 'none', measured: 'request' },
      { capability: 'supports_deny_reason', declared: false, measured: true },
    ])
  })

  test('is measured once at a time, and ended when nobody wants to know any more', { timeout: 60_000 }, async () => {
    await using verifier = open()
    const runtime = codex()
    const gone = new AbortController()
    const opened = Promise.withResolvers<void>()
    const watched: Runtime = {
      ...runtime,
      open: (...args) => {
        opened.resolve()
        return runtime.open(...args)
      },
    }
    const first = verifier.verify(watched, gone.signal)
    const ended = expect(first).rejects.toMatchObject({ code: 'shutting_down' })
    await expect(verifier.verify(runtime, never)).rejects.toMatchObject({ code: 'rate_limited', retryAfter: 10 })
    await opened.promise
    gone.abort()
    await ended
    expect(pids.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([])
    expect(readdirSync(join(dataDir, 'verifying'))).toEqual([])
    expect(verified()).toBeNull()
  })

  test('is ended when the verifier is', { timeout: 60_000 }, async () => {
    const verifier = open()
    const ended = expect(verifier.verify(codex(), never)).rejects.toMatchObject({ code: 'shutting_down' })
    await verifier[Symbol.asyncDispose]()
    await ended
    expect(pids.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([])
  })
})

test('an agent that is not there is refused', async () => {
  await using verifier = open(join(dataDir, 'nowhere'))
  await expect(verifier.verify(codex(), never)).rejects.toMatchObject({ code: 'agent_not_installed' })
  expect(readdirSync(join(dataDir, 'verifying'))).toEqual([])
})

test('an agent that would ask a model of its own is not started', async () => {
  await using verifier = open()
  const authStatus: Runtime['authStatus'] = async () => ({ ok: true, runtime: name, logged_in: false, auth_model: 'login' })
  await expect(verifier.verify({ ...codex(), authStatus }, never)).rejects.toMatchObject({ code: 'invalid_request' })
  expect(pids).toEqual([])
})

test('where nothing could be told, each probe says why, and what was known before stays', async () => {
  const broken = join(dataDir, 'codex')
  writeFileSync(broken, '#!/bin/sh\ntest "$1" = --version && exec echo codex-cli 9.9.9\nexit 3\n')
  chmodSync(broken, 0o700)
  const before = { runtime: name, agent_version: '1.0.0', verified_at: clock.now(), probes: [], differences: [] }
  createVerified(dataDir).put(before, dataDir)
  await using verifier = open(broken)
  const { agent_version, probes, differences } = await verifier.verify(codex(), never)
  expect(agent_version).toBe('9.9.9')
  expect(differences).toEqual([])
  for (const probe of probes)
    expect(probe).toMatchObject({ measured: null, ok: false, detail: expect.stringMatching(/agent_start_failed/) })
  expect(verified()).toEqual(before)
})

test('places of verifiers that are gone are removed, those of others are not', async () => {
  const places = join(dataDir, 'verifying')
  // No process has this number: it is above what Linux gives out.
  for (const place of ['99999999-dead', 'nobody', `${process.ppid}-alive`]) mkdirSync(join(places, place), { recursive: true })
  await using verifier = open(join(dataDir, 'nowhere'))
  await expect(verifier.verify(codex(), never)).rejects.toThrow()
  expect(readdirSync(places)).toEqual([`${process.ppid}-alive`])
})

test('what cannot be read as a verification is none', () => {
  const store = createVerified(dataDir)
  expect(store.get(name)).toBeNull()
  mkdirSync(join(dataDir, 'verified'))
  for (const content of [
    '',
    '{',
    '{"runtime":"codex-sdk"}',
    JSON.stringify({ runtime: 'other', agent_version: null, verified_at: '', probes: [], differences: [] }),
  ]) {
    writeFileSync(join(dataDir, 'verified', `${name}.json`), content)
    expect(store.get(name)).toBeNull()
  }
  expect(store.get('../../etc/passwd')).toBeNull()
})
