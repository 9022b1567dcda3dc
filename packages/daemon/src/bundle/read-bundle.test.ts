import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { toCreated } from '../core/session-record.ts'
import { StartFailure } from '../core/start-failure.ts'
import { sampleRecord } from '../core/testing/record.ts'
import { temporaryDirectory } from '../storage/testing/samples.ts'
import { bundleLimits, toRuntimeConfig, toRuntimeEnv } from './contents.ts'
import { readBundle } from './read-bundle.ts'
import { packBundle, packEntries, withFiles, type Files } from './testing/packing.ts'

const sessionId = `sess_${'a'.repeat(32)}`
const artifactId = 'b'.repeat(32)
const record = sampleRecord(sessionId)

const envelope = (seq: number, more: object = {}) => ({
  schema_version: 1,
  seq,
  time: '2026-11-22T12:00:00.000Z',
  trace: { session_id: sessionId },
  runtime: { name: 'codex-sdk' },
  type: 'runtime.notice',
  payload: { level: 'info', kind: 'k', message: `m${seq}` },
  ...more,
})
const created = envelope(1, { type: 'session.created', payload: toCreated(record, []) })
const toLines = (...events: readonly object[]) => events.map((event) => `${JSON.stringify(event)}\n`).join('')

const manifest = (more: object = {}) => ({
  bundle_version: 1,
  generated_at: '2026-11-22T13:00:00.000Z',
  session_id: sessionId,
  task_id: null,
  runtime: 'codex-sdk',
  daemon_version: '1.0.0',
  files: [],
  events: { first_seq: 1, last_seq: 2, omitted: 0 },
  tool_transcripts: { included: 0, omitted: 0 },
  artifacts: { included: [{ artifact_id: artifactId, content_type: 'text/plain', size: 4 }], skipped: [] },
  redactions: {},
  ...more,
})

/** A bundle with nothing wrong. */
const toFiles = (more: object = {}): Files =>
  withFiles(new Map([['manifest.json', Buffer.from(JSON.stringify(manifest(more)))]]), {
    'events.jsonl': toLines(created, envelope(2)),
    'runtime-config.json': JSON.stringify(toRuntimeConfig(record)),
    'runtime-env.json': JSON.stringify(toRuntimeEnv(record, [], { platform: 'linux', arch: 'x64', release: '6' })),
    [`artifacts/${artifactId}.bin`]: 'text',
  })
const sound = toFiles()

let directory: ReturnType<typeof temporaryDirectory>
beforeEach(() => {
  directory = temporaryDirectory()
})
afterEach(() => directory[Symbol.dispose]())

function keep(bytes: Uint8Array): string {
  const path = join(directory.path, 'bundle.tar.gz')
  writeFileSync(path, bytes)
  return path
}

async function why(path: string): Promise<string> {
  const failure: unknown = await readBundle(path).then(
    () => expect.fail('it was read'),
    (error: unknown) => error,
  )
  if (!(failure instanceof StartFailure)) throw failure
  expect(failure).toMatchObject({ code: 'invalid_bundle', exitCode: 65 })
  expect(failure.message).not.toMatch(/\n/)
  return failure.message
}

const whyFiles = async (files: Files) => why(keep(await packBundle(files)))
const file = (name: string, body = 'x') => ({ header: { name, size: body.length, type: 'file' as const }, body: Buffer.from(body) })

test('a sound bundle is read whole', async () => {
  const recording = await readBundle(keep(await packBundle(sound)))
  expect(recording.record).toMatchObject({ sessionId, runtime: 'replay', createdAt: '2026-11-22T12:00:00.000Z', cwd: record.cwd })
  expect(recording.events.map(({ event }) => event)).toEqual([created, envelope(2)])
  expect(recording.artifacts).toEqual([{ artifactId, contentType: 'text/plain', content: expect.any(Uint8Array) as unknown }])
})

test('a content type that no header can carry is none', async () => {
  const artifacts = { included: [{ artifact_id: artifactId, content_type: 'text/html\r\nset-cookie: a=b' }] }
  const recording = await readBundle(keep(await packBundle(toFiles({ artifacts }))))
  expect(recording.artifacts).toMatchObject([{ artifactId, contentType: 'application/octet-stream' }])
})

describe('a file', () => {
  test('that is none, or is not there, is not waited for', async () => {
    expect(await why(join(directory.path, 'nothing'))).toContain('ENOENT')
    expect(await why(directory.path)).toContain('it is no file')
  })

  test.each([
    ['empty', Buffer.of()],
    ['text', Buffer.from('{}')],
    ['gzip of text', gzipSync('hello '.repeat(1_000))],
    ['gzip of nothing', gzipSync('')],
    ['gzip of zeroes', gzipSync(Buffer.alloc(10_240))],
  ])('that is %s', async (_name, bytes) => {
    expect(await why(keep(bytes))).toMatch(/not compressed|cut short|damaged|missing/)
  })

  test('that is cut short anywhere, or has a byte changed', async () => {
    const packed = await packBundle(sound)
    for (let length = 0; length < packed.length; length += Math.ceil(packed.length / 40)) await why(keep(packed.subarray(0, length)))
    const tar = gunzipSync(packed)
    let read = 0
    for (let at = 0; at < tar.length; at += 97) {
      const changed = Buffer.from(tar)
      changed[at] = (changed[at] ?? 0) ^ 0xff
      // What stands between the files is nobody's.
      const outcome = await readBundle(keep(gzipSync(changed))).catch((error: unknown) => error)
      if (outcome instanceof Error) expect(outcome).toBeInstanceOf(StartFailure)
      else read += 1
    }
    expect(read).toBeLessThan(tar.length / 97 / 2)
  })

  test('that would fill the memory', async () => {
    const bomb = gzipSync(Buffer.alloc(bundleLimits.total * 2 + 1), { level: 1 })
    expect(bomb.length).toBeLessThan(1_000_000)
    expect(await why(keep(bomb))).toContain('unpacked it has more than')
  })
})

describe('an archive', () => {
  test.each([
    '../escape',
    '/etc/passwd',
    'artifacts/../../escape.bin',
    `artifacts/${'b'.repeat(32)}.bin/x`,
    'artifacts/x.bin',
    './manifest.json',
    'manifest.json\u0000',
    'a'.repeat(90),
  ])('with the name %j', async (name) => {
    const entries = [...sound].map(([own, body]) => ({ header: { name: own, size: body.length, type: 'file' as const }, body }))
    expect(await why(keep(await packEntries([...entries, file(name)])))).toMatch(/which no bundle has|twice/)
  })

  test.each(['symlink', 'link', 'directory', 'fifo', 'character-device'] as const)('with a %s in place of a file', async (type) => {
    const entries = [...sound].filter(([name]) => name !== 'events.jsonl').map(([name, body]) => file(name, String(body)))
    const odd = { header: { name: 'events.jsonl', size: 0, type, linkname: '/etc/passwd' } }
    expect(await why(keep(await packEntries([...entries, odd])))).toContain('no file')
  })

  test('made by tar with a link in it', async () => {
    mkdirSync(join(directory.path, 'in'))
    execFileSync('ln', ['-s', '/etc/passwd', join(directory.path, 'in/manifest.json')])
    execFileSync('tar', ['-czf', join(directory.path, 'linked.tar.gz'), '-C', join(directory.path, 'in'), 'manifest.json'])
    expect(await why(join(directory.path, 'linked.tar.gz'))).toContain('symlink')
  })

  test('with a file twice', async () => {
    const entries = [...sound].map(([name, body]) => file(name, String(body)))
    expect(await why(keep(await packEntries([...entries, file('events.jsonl')])))).toContain('twice')
  })
})

describe('contents', () => {
  test.each(['manifest.json', 'events.jsonl', 'runtime-config.json', 'runtime-env.json', `artifacts/${artifactId}.bin`])(
    'without %s',
    async (name) => {
      expect(await whyFiles(withFiles(sound, { [name]: null }))).toContain(`${name}" is missing`)
    },
  )

  test.each([
    [{ bundle_version: 2 }, 'another version'],
    [{ session_id: '../../x' }, 'no id of a session'],
    [{ session_id: sessionId.toUpperCase() }, 'no id of a session'],
    [{ events: { first_seq: 0, last_seq: 2 } }, 'first_seq'],
    [{ events: { first_seq: 1, last_seq: 3 } }, 'the manifest says 1 to 3'],
    [{ events: { first_seq: 2, last_seq: 3 } }, 'where 2 comes next'],
    [{ artifacts: { included: [{ artifact_id: '../x', content_type: 'text/plain' }] } }, 'is missing'],
    [{ artifacts: { included: [1, 2].map(() => ({ artifact_id: artifactId, content_type: 'text/plain' })) } }, 'an artifact twice'],
  ])('with a manifest of %j', async (more, reason) => {
    expect(await whyFiles(toFiles(more))).toContain(reason)
  })

  test('that the manifest does not tell, or tells otherwise', async () => {
    const changed = new Map([...sound, ['events.jsonl', Buffer.from(toLines(created))]])
    expect(await whyFiles(changed)).toContain('not what the manifest says')
    expect(await whyFiles(new Map([...sound, ['health.json', Buffer.from('{}')]]))).toContain('does not list "health.json"')
    expect(await whyFiles(new Map([...sound, ['manifest.json', Buffer.from('{')]]))).toContain('is not JSON')
  })

  test.each([
    ['what is not JSON', '{"seq":\n{}\n', 'line 1 is not JSON'],
    ['what is not UTF-8', Buffer.of(0xff, 0x0a), 'is not UTF-8'],
    ['no end', toLines(created, envelope(2)).trimEnd(), 'does not end with a line'],
    ['no event', '', 'has 0 lines'],
    ['an array', `${JSON.stringify(created)}\n[]\n`, 'line 2'],
    ['the same seq twice', toLines(created, envelope(1)), 'seq is 1, where 2 comes next'],
    ['a gap', toLines(created, envelope(3)), 'seq is 3, where 2 comes next'],
    ['another session', toLines(created, envelope(2, { trace: { session_id: 'sess_1' } })), 'another session'],
    ['a time that is none', toLines(created, envelope(2, { time: 'soon' })), 'time'],
    ['a payload of another form', toLines(created, envelope(2, { payload: { level: 'loud' } })), 'line 2: payload'],
    ['settings of another form', toLines(envelope(1, { type: 'session.created', payload: {} }), envelope(2)), 'line 1: payload'],
    ['what is nested too deeply', `${JSON.stringify(created)}\n${deep()}\n`, 'line 2'],
  ])('with events that have %s', async (_name, text, reason) => {
    expect(await whyFiles(withFiles(sound, { 'events.jsonl': text }))).toContain(reason)
  })

  test('with fields that nobody knows, and line ends within an event', async () => {
    const odd = JSON.stringify(envelope(2, { more: [1], type: 'moon.risen', payload: { full: true } })).replaceAll(',', ',\r')
    const { events } = await readBundle(keep(await packBundle(withFiles(sound, { 'events.jsonl': `${toLines(created)}${odd}\n` }))))
    expect(events[1]?.event).toMatchObject({ type: 'moon.risen', more: [1], payload: { full: true } })
    expect(events[1]?.json).not.toContain('\r')
  })
})

function deep(): string {
  const payload = `{"level":"info","kind":"k","message":"m","data":${'['.repeat(200_000)}${']'.repeat(200_000)}}`
  return JSON.stringify(envelope(2, { payload: 0 })).replace('"payload":0', () => `"payload":${payload}`)
}
