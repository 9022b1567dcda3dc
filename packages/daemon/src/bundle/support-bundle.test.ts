import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { Problem, type EventType, type Payload } from '@codesdkd/protocol'
import { unpackTar } from 'modern-tar'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { RuntimeOperations, SupportBundle } from '../core/operations.ts'
import type { SessionRecord } from '../core/ports.ts'
import type { BundleManifest } from './contents.ts'
import { secretSamples } from '../core/redaction/testing/secret-samples.ts'
import { sampleRecord } from '../core/testing/record.ts'
import { clock, openSample, temporaryDirectory } from '../storage/testing/samples.ts'
import type { Storage } from '../storage/storage.ts'
import { createSupportBundles } from './support-bundle.ts'

const sessionId = 'a'.repeat(32)
const env = { SERVICE_KEY: 'value-of-the-service-key', SHORT: 'abc' }
const token = 'the-token-of-the-daemon'
const signal = new AbortController().signal
const mark = /\[REDACTED:[a-z_]+:[0-9a-f]{6}\]/g

let directory: ReturnType<typeof temporaryDirectory>
let storage: Storage
let seq = 0
beforeEach(() => {
  directory = temporaryDirectory()
  storage = openSample(join(directory.path, 'data'))
  seq = 0
})
afterEach(() => {
  storage[Symbol.dispose]()
  directory[Symbol.dispose]()
})

const runtimes: Pick<RuntimeOperations, 'health' | 'capabilities'> = {
  health: (name) =>
    Promise.resolve({
      ok: true,
      runtime: name ?? '',
      version: '0.1.0',
      installed: true,
      checked_at: clock.now(),
      auth: { logged_in: true, auth_model: 'login', account_label: 'me' },
    }),
  capabilities: () => {
    throw new Problem('unknown_runtime', 'It is gone.')
  },
}

function bundles(changes: Partial<Parameters<typeof createSupportBundles>[0]> = {}) {
  const { log, artifacts, dir } = storage
  return createSupportBundles({
    log,
    artifacts,
    runtimes,
    dataDir: dir,
    version: '1.2.3',
    ownSecrets: () => [token],
    secrets: { reveal: (one) => one, load: () => env },
    clock,
    identity: { home: '/home/alice', user: 'alice', host: 'wonderland' },
    ...changes,
  })
}

async function append<T extends EventType>(type: T, payload: Payload<T>, session?: SessionRecord): Promise<void> {
  seq += 1
  const json = JSON.stringify({
    schema_version: 1,
    seq,
    time: clock.now(),
    type,
    trace: { session_id: sessionId, task_id: 't' },
    runtime: { name: 'codex-sdk' },
    payload,
  })
  await storage.log.append({
    sessionId,
    events: [{ sessionId, seq, type, json }],
    durability: 'lazy',
    ...(session === undefined ? {} : { session }),
  })
}

const notice = (message: string, data: unknown = null) => append('runtime.notice', { level: 'info', kind: 'k', message, data })

async function createSession(changes: Partial<SessionRecord> = {}): Promise<void> {
  const record = sampleRecord(sessionId, { cwd: '/home/alice/project', ...changes })
  await append('session.closed', { reason: 'the first event of this session' }, record)
}

interface Opened {
  readonly names: readonly string[]
  text(name: string): string
  json(name: string): unknown
  readonly manifest: BundleManifest
  readonly whole: string
}

async function open(bundle: SupportBundle): Promise<Opened> {
  const tar = gunzipSync(readFileSync(bundle.path))
  const entries = await unpackTar(tar, { strict: true })
  for (const { header } of entries) expect(header).toMatchObject({ type: 'file', mode: 0o600, uid: 0, gid: 0, mtime: new Date(0) })
  const texts = new Map(entries.map(({ header, data }) => [header.name, Buffer.from(data ?? []).toString()]))
  const text = (name: string) => texts.get(name) ?? expect.fail(`${name} is missing`)
  const manifest = JSON.parse(text('manifest.json')) as BundleManifest
  return { names: [...texts.keys()], text, json: (name) => JSON.parse(text(name)), manifest, whole: tar.toString('latin1') }
}

const build = async (taskId: string | null = null) => bundles().build(sessionId, { taskId, signal })

describe('a bundle', () => {
  it('has the files of the contract, privately and in order', async () => {
    await createSession()
    const { artifactId } = storage.artifacts.put(sessionId, 'text', { contentType: 'text/plain' })
    await using bundle = await build('task-1')
    expect(bundle.fileName).toBe(`codesdk-support-bundle-${sessionId}-task-1.tar.gz`)
    expect(statSync(bundle.path).mode & 0o777).toBe(0o600)
    expect(bundle.size).toBe(statSync(bundle.path).size)
    const opened = await open(bundle)
    expect(opened.names).toEqual([
      'manifest.json',
      'health.json',
      'capabilities.json',
      'versions.json',
      'runtime-env.json',
      'mcp-transports.json',
      'events.jsonl',
      'runtime-config.json',
      'tool-transcripts.json',
      `artifacts/${artifactId}.bin`,
    ])
    expect(opened.manifest).toMatchObject({
      bundle_version: 1,
      generated_at: clock.now(),
      session_id: sessionId,
      task_id: 'task-1',
      runtime: 'codex-sdk',
      daemon_version: '1.2.3',
      events: { first_seq: 1, last_seq: 1, omitted: 0 },
    })
    expect(opened.manifest.files).toHaveLength(9)
    expect(opened.json('versions.json')).toMatchObject({
      codesdkd: '1.2.3',
      node: process.versions.node,
      agent: { name: 'codex-sdk', version: '0.1.0' },
    })
    expect(opened.json('capabilities.json')).toEqual({ error: 'unknown_runtime' })
    expect(opened.json('runtime-env.json')).toMatchObject({ env_names: ['SERVICE_KEY', 'SHORT'] })
  })

  it('is the same again', async () => {
    await createSession()
    await notice(`password=${randomBytes(8).toString('hex')}`)
    storage.artifacts.put(sessionId, `token=${randomBytes(8).toString('hex')}`, { contentType: 'text/plain' })
    await using one = await build()
    await using other = await build()
    expect(readFileSync(other.path).equals(readFileSync(one.path))).toBe(true)
  })

  it('is the same again at another time, but for when it was made', async () => {
    await createSession()
    await notice(`password=${randomBytes(8).toString('hex')}`)
    let minute = 0
    const moving = { ...clock, now: () => `2026-01-01T00:0${minute++ % 10}:00.000Z` }
    const steady = {
      health: async () => ({ ...(await runtimes.health('codex-sdk')), checked_at: '' }),
      capabilities: runtimes.capabilities,
    }
    const { build: buildAgain } = bundles({ clock: moving, runtimes: steady })
    const parts = async () => {
      await using bundle = await buildAgain(sessionId, { taskId: null, signal })
      const { names, text, manifest } = await open(bundle)
      const { generated_at, ...rest } = manifest
      return { generated_at, rest, files: names.filter((name) => name !== 'manifest.json').map((name) => [name, text(name)]) }
    }
    const [one, other] = [await parts(), await parts()]
    expect(other.generated_at).not.toBe(one.generated_at)
    expect({ ...other, generated_at: '' }).toEqual({ ...one, generated_at: '' })
  })

  it.each(['../../x', 'a\nb', 'x'.repeat(1_000), 'CON', '/etc/passwd', '-rf', '\u202Egnp.exe'])(
    'calls an artifact by its id, whatever name it has: %j',
    async (name) => {
      await createSession()
      const { artifactId } = storage.artifacts.put(sessionId, 'text', { contentType: 'text/plain', name })
      await using bundle = await build()
      const { names, whole } = await open(bundle)
      expect(names.filter((entry) => !/^[a-z-]+\.jsonl?$/.test(entry))).toEqual([`artifacts/${artifactId}.bin`])
      expect(whole).not.toContain(name === 'CON' ? '/CON' : name)
    },
  )

  it('leaves nothing behind when it is disposed', async () => {
    await createSession()
    await (await build())[Symbol.asyncDispose]()
    expect(readdirSync(storage.dir.temp)).toEqual([])
  })

  it('holds the tool calls as a person reads them', async () => {
    await createSession()
    const call = { tool_call_id: 'c', attempt: 1, input_hash: 'sha256:0' }
    const snapshot = {
      permission_mode: 'ask',
      decision: 'ask',
      sources: ['ask_effects'],
    } satisfies Payload<'tool.call.approved'>['policy_snapshot']
    await append('tool.call.requested', { ...call, name: 'shell', kind: 'execute', title: 'ls', input: { command: 'ls' } })
    await append('tool.call.policy_evaluated', { ...call, source: 'codesdk', result: 'ask', rule: 'ask_effects' })
    await append('tool.call.approved', { ...call, decided_by: 'user', policy_snapshot: snapshot })
    await append('tool.call.completed', {
      ...call,
      name: 'shell',
      executed_by: 'runtime',
      execution_env: 'sandbox',
      policy_snapshot: snapshot,
      result_preview: 'a b',
      is_error: false,
      exit_code: 0,
      duration_ms: 5,
    })
    await append('tool.call.requested', { ...call, attempt: 2, name: 'shell', kind: 'execute', title: 'rm', input: { command: 'rm' } })
    await using bundle = await build()
    const opened = await open(bundle)
    expect(opened.json('tool-transcripts.json')).toMatchObject([
      {
        call: { title: 'ls' },
        policy: [{ rule: 'ask_effects' }],
        decision: { outcome: 'approved', decided_by: 'user' },
        result: { result_preview: 'a b', exit_code: 0 },
      },
      { call: { title: 'rm' }, decision: null, result: null },
    ])
    expect(opened.manifest.tool_transcripts).toEqual({ included: 2, omitted: 0 })
  })

  it('tells of MCP servers how they are reached and nothing else', async () => {
    const mcp_servers = {
      one: { command: 'npx', args: ['--key', 'argument'], env: { A: 'B' } },
      two: { url: 'https://x.example/secret-path' },
      three: { type: 'sse', url: 'x' },
      four: 7,
    }
    await createSession({ runtimeConfig: { mcp_servers } })
    await using bundle = await build()
    expect((await open(bundle)).json('mcp-transports.json')).toMatchObject({
      servers: [
        { name: 'one', transport: 'stdio' },
        { name: 'two', transport: 'streamable_http' },
        { name: 'three', transport: 'sse' },
        { name: 'four', transport: 'unknown' },
      ],
    })
  })
})

/** What each run of base64 in a text says, wherever in a group of four it begins. */
function decodings(text: string): readonly string[] {
  const runs = text.match(/[\w+/-]{11,}/g) ?? []
  return runs.flatMap((run) => [0, 1, 2, 3].map((start) => Buffer.from(run.slice(start), 'base64').toString('latin1')))
}

describe('secrets', () => {
  it('are in no bundle, wherever they were', async () => {
    const samples = secretSamples()
    await createSession({
      runtimeConfig: { api_key: 'short-one', note: env.SERVICE_KEY, nested: { headers: { Authorization: `Bearer ${token}` } } },
    })
    const known = [env.SERVICE_KEY, token]
    for (const value of known)
      await notice(value, {
        [value]: JSON.stringify({ value }),
        base64: Buffer.from(`x${value}y`).toString('base64'),
        url: encodeURIComponent(value),
      })
    for (const { text } of samples) await notice(text, { deep: [JSON.stringify({ text })] })
    await notice('in /home/alice/project by alice on wonderland')
    const text = storage.artifacts.put(sessionId, [...samples.map((sample) => sample.text), ...known].join('\n'), {
      contentType: 'text/plain',
    })
    const untyped = storage.artifacts.put(sessionId, `x ${samples[0]?.text} ${token}`, { contentType: 'application/octet-stream' })
    const bytes = storage.artifacts.put(sessionId, Buffer.concat([Buffer.from([0xff, 0xfe, 0]), Buffer.from(samples[3]?.text ?? '')]), {
      contentType: 'application/octet-stream',
    })
    const bytesKnown = storage.artifacts.put(sessionId, Buffer.concat([randomBytes(64), Buffer.from([0xff]), Buffer.from(token)]), {
      contentType: 'image/png',
    })
    await using bundle = await build()
    const { whole, manifest, names } = await open(bundle)
    for (const value of known) {
      for (const text of [value, encodeURIComponent(value)]) expect(whole).not.toContain(text)
      expect(decodings(whole).filter((text) => text.includes(value))).toEqual([])
    }
    expect(whole).not.toMatch(/alice|wonderland/)
    const seen = samples.filter(({ secret }) => (secret.match(/[A-Za-z0-9]{12,}/g) ?? []).some((run) => whole.includes(run)))
    expect(seen.map(({ about }) => about)).toEqual([])
    expect(manifest.artifacts.skipped).toEqual(
      expect.arrayContaining([
        { artifact_id: bytes.artifactId, reason: 'may_hold_secrets' },
        { artifact_id: bytesKnown.artifactId, reason: 'may_hold_secrets' },
      ]),
    )
    expect(names).toEqual(expect.arrayContaining([`artifacts/${text.artifactId}.bin`, `artifacts/${untyped.artifactId}.bin`]))
    expect(manifest.redactions).toMatchObject({
      known: expect.any(Number) as number,
      named: expect.any(Number) as number,
      home: expect.any(Number) as number,
    })
  })

  it('that only secretlint knows are hidden too, and no comment of an agent prevents it', async () => {
    await createSession()
    const value = `dapi${randomBytes(16).toString('hex')}`
    const text = `// secretlint-disable\n${value}\n/* secretlint-disable-line */`
    await notice(text)
    const { artifactId } = storage.artifacts.put(sessionId, text, { contentType: 'text/plain' })
    await using bundle = await build()
    const opened = await open(bundle)
    expect(opened.whole).not.toContain(value)
    expect(opened.text(`artifacts/${artifactId}.bin`)).toMatch(/^\/\/ secretlint-disable\n\[REDACTED:linter:[0-9a-f]{6}\]\n/)
  })

  it('that were missed are found in the end, and then there is no bundle', async () => {
    await createSession()
    const missed = { reveal: (one: SessionRecord) => one, load: () => ({ KEY: 'first-half second-half' }) }
    const halves = `${'x'.repeat(256 * 1024 - 'first-half'.length)}first-half second-half`
    storage.artifacts.put(sessionId, halves, { contentType: 'text/plain' })
    await expect(bundles({ secrets: missed }).build(sessionId, { taskId: null, signal })).rejects.toMatchObject({ code: 'server_error' })
    expect(readdirSync(storage.dir.temp)).toEqual([])
  })

  it('have marks that tell them apart', async () => {
    await createSession()
    await notice('password=aaaaaaaa1 password=bbbbbbbb1 password=aaaaaaaa1')
    await using bundle = await build()
    const marks = (await open(bundle)).text('events.jsonl').match(mark)
    expect(marks).toHaveLength(3)
    expect(new Set(marks).size).toBe(2)
  })

  it('are not known by the value of a variable that is a word of the bundle itself', async () => {
    await createSession()
    await notice('artifacts and generated_at')
    await using bundle = await bundles({ secrets: { reveal: (one) => one, load: () => ({ A: 'artifacts', B: 'generated_at' }) } }).build(
      sessionId,
      {
        taskId: null,
        signal,
      },
    )
    expect((await open(bundle)).text('events.jsonl')).not.toMatch(/artifacts|generated_at/)
  })
})

describe('artifacts', () => {
  it('of others are listed, not included', async () => {
    await createSession()
    const foreign = storage.artifacts.put('b'.repeat(32), 'of another session', { contentType: 'text/plain' })
    await notice('m', { artifact_id: '../../etc/passwd', result_ref: foreign.artifactId })
    await using bundle = await build()
    const { manifest, names } = await open(bundle)
    expect(manifest.artifacts).toEqual({
      included: [],
      skipped: [
        { artifact_id: '../../etc/passwd', reason: 'foreign' },
        { artifact_id: foreign.artifactId, reason: 'foreign' },
      ],
    })
    expect(names.some((name) => name.startsWith('artifacts'))).toBe(false)
  })

  it('that are too large or damaged are listed with the reason', async () => {
    await createSession()
    const large = storage.artifacts.put(sessionId, Buffer.alloc(8 * 1024 * 1024 + 1), { contentType: 'application/octet-stream' })
    const gone = storage.artifacts.put(sessionId, 'gone', { contentType: 'text/plain' })
    const artifacts = {
      list: (id: string) => storage.artifacts.list(id),
      content: (id: string) =>
        id === gone.artifactId ? Promise.reject(new Problem('artifact_corrupt', 'x')) : storage.artifacts.content(id),
    }
    await using bundle = await bundles({ artifacts }).build(sessionId, { taskId: null, signal })
    expect((await open(bundle)).manifest.artifacts.skipped).toEqual([
      { artifact_id: large.artifactId, reason: 'too_large' },
      { artifact_id: gone.artifactId, reason: 'unreadable' },
    ])
  })

  it('fill a bundle up to its limit', async () => {
    await createSession()
    const own = Array.from({ length: 7 }, () =>
      storage.artifacts.put(sessionId, Buffer.alloc(8 * 1024 * 1024, 0xfe), { contentType: 'application/octet-stream' }),
    )
    await using bundle = await build()
    const { included, skipped } = (await open(bundle)).manifest.artifacts
    expect(included).toHaveLength(6)
    expect(skipped).toEqual([{ artifact_id: own[6]?.artifactId, reason: 'total_limit' }])
  })

  it('keep what no rule applies to, byte by byte', async () => {
    await createSession()
    const bytes = Buffer.from([0, 255, 1, 254, 10, 13])
    const binary = storage.artifacts.put(sessionId, bytes, { contentType: 'image/png' })
    const lines = Array.from({ length: 20_000 }, (_, index) => `line ${index}, with ümlaut\n`).join('')
    const text = storage.artifacts.put(sessionId, lines, { contentType: 'text/plain' })
    await using bundle = await build()
    const entries = await unpackTar(gunzipSync(readFileSync(bundle.path)))
    const data = (id: string) => Buffer.from(entries.find(({ header }) => header.name === `artifacts/${id}.bin`)?.data ?? [])
    expect(data(binary.artifactId)).toEqual(bytes)
    expect(data(text.artifactId).toString()).toBe(lines)
  })

  it('do not lose a private key to the cut between two pieces', async () => {
    await createSession()
    const body = Array.from({ length: 30 }, () => randomBytes(48).toString('base64')).join('\n')
    const pem = `-----BEGIN PRIVATE KEY-----\n${body}\n-----END PRIVATE KEY-----\n`
    storage.artifacts.put(sessionId, `${'some text\n'.repeat(26_100)}${pem}${'more text\n'.repeat(10_000)}`, { contentType: 'text/plain' })
    await using bundle = await build()
    const { whole } = await open(bundle)
    expect(body.split('\n').filter((line) => whole.includes(line))).toEqual([])
  })
})

describe('a long log', () => {
  it('is cut at its beginning', async () => {
    await createSession()
    const text = 'x '.repeat(60_000)
    for (let index = 0; index < 220; index++) await notice(text)
    await using bundle = await build()
    const { manifest, whole } = await open(bundle)
    const { first_seq, last_seq, omitted } = manifest.events
    expect(last_seq).toBe(seq)
    expect(omitted).toBe(first_seq - 1)
    expect(omitted).toBeGreaterThan(5)
    expect(whole).toContain(`"seq":${first_seq},`)
    expect(whole).not.toContain(`"seq":${first_seq - 1},`)
    expect(whole.length).toBeLessThan(26 * 1024 * 1024)
  })
})

describe('building', () => {
  it('needs a session', async () => {
    await expect(build()).rejects.toMatchObject({ code: 'session_not_found' })
  })

  it('is done at most twice at a time', async () => {
    await createSession()
    const { build: buildOne } = bundles()
    const results = await Promise.allSettled(Array.from({ length: 5 }, () => buildOne(sessionId, { taskId: null, signal })))
    const built = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
    expect(built).toHaveLength(2)
    expect(results.filter(({ status }) => status === 'rejected')).toEqual(
      Array.from({ length: 3 }, () => ({ status: 'rejected', reason: expect.objectContaining({ code: 'rate_limited' }) as unknown })),
    )
    await Promise.all(built.map((bundle) => bundle[Symbol.asyncDispose]()))
    await (await buildOne(sessionId, { taskId: null, signal }))[Symbol.asyncDispose]()
    expect(readdirSync(storage.dir.temp)).toEqual([])
  })

  it('ends when it is aborted, and leaves nothing', async () => {
    await createSession()
    for (let index = 0; index < 200; index++) await notice('text')
    const controller = new AbortController()
    const { log } = storage
    const read = (id: string, after: number, limit: number) => {
      if (after > 60) controller.abort(new Error('gone'))
      return log.read(id, after, limit)
    }
    const watched = { read, session: (id: string) => log.session(id), lastSeq: (id: string) => log.lastSeq(id) }
    await expect(bundles({ log: watched }).build(sessionId, { taskId: null, signal: controller.signal })).rejects.toThrow('gone')
    expect(readdirSync(storage.dir.temp)).toEqual([])
  })
})
