import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openSample, temporaryDirectory } from './testing/samples.ts'

const text = { contentType: 'text/plain' }

function files(path: string): readonly string[] {
  return readdirSync(join(path, 'artifacts'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
}

function fileOf(path: string, sha256: string): string {
  return join(path, 'artifacts', sha256.slice(0, 2), sha256)
}

test('artifacts come back as they were, also after a restart', async () => {
  using directory = temporaryDirectory()
  const bytes = Uint8Array.from({ length: 70_000 }, (_, index) => index % 251)
  let ids: string[]
  {
    using storage = openSample(directory.path)
    const one = storage.artifacts.put('s', 'Grüße', { ...text, name: 'greeting.txt' })
    const two = storage.artifacts.put('s', bytes, { contentType: 'application/octet-stream' })
    storage.artifacts.put('t', '', text)
    expect(one).toEqual({
      artifactId: expect.stringMatching(/^[0-9a-f]{32}$/),
      sessionId: 's',
      contentType: 'text/plain',
      name: 'greeting.txt',
      size: 7,
      sha256: createHash('sha256').update('Grüße').digest('hex'),
      createdAt: '2026-11-22T12:00:00.000Z',
    })
    ids = [one.artifactId, two.artifactId]
  }
  using storage = openSample(directory.path)
  const { artifacts } = storage
  expect(artifacts.list('s').map(({ artifactId }) => artifactId)).toEqual(ids)
  expect(artifacts.list('nobody')).toEqual([])
  expect(artifacts.meta(ids[1] ?? '')).toMatchObject({ size: 70_000, name: null })
  expect(Buffer.from(await artifacts.content(ids[0] ?? '')).toString()).toBe('Grüße')
  expect(new Uint8Array(await artifacts.content(ids[1] ?? ''))).toEqual(bytes)
})

test('the same content is stored once and listed for each', () => {
  using directory = temporaryDirectory()
  using storage = openSample(directory.path)
  const [a, b] = [storage.artifacts.put('s', 'same', text), storage.artifacts.put('t', Buffer.from('same'), text)]
  expect(a.artifactId).not.toBe(b.artifactId)
  expect(files(directory.path)).toEqual([a.sha256])
  expect(storage.artifacts.list('t')).toEqual([b])
  expect(readdirSync(join(directory.path, 'tmp'))).toEqual([])
})

test('damaged content is never given out, and mended when it is stored again', async () => {
  using directory = temporaryDirectory()
  using storage = openSample(directory.path)
  const { artifacts } = storage
  const { artifactId, sha256 } = artifacts.put('s', 'content', text)
  writeFileSync(fileOf(directory.path, sha256), 'c0ntent')
  await expect(artifacts.content(artifactId)).rejects.toMatchObject({ code: 'artifact_corrupt' })
  rmSync(fileOf(directory.path, sha256))
  await expect(artifacts.content(artifactId)).rejects.toMatchObject({ code: 'artifact_corrupt' })
  writeFileSync(fileOf(directory.path, sha256), 'c0ntent')
  artifacts.put('s', 'content', text)
  expect(Buffer.from(await artifacts.content(artifactId)).toString()).toBe('content')
})

test('what is too large is refused and leaves nothing', () => {
  using directory = temporaryDirectory()
  using storage = openSample(directory.path, { maxArtifactSize: 4 })
  storage.artifacts.put('s', '1234', text)
  expect(() => storage.artifacts.put('s', '123é', text)).toThrow(
    expect.objectContaining({ code: 'payload_too_large', members: { limit: 4, current: 5, scope: 'artifact' } }),
  )
  expect(storage.artifacts.list('s')).toHaveLength(1)
})

test('unknown ids find nothing', async () => {
  using directory = temporaryDirectory()
  using storage = openSample(directory.path)
  expect(storage.artifacts.meta('../../etc/passwd')).toBeNull()
  await expect(storage.artifacts.content('0'.repeat(32))).rejects.toMatchObject({ code: 'artifact_not_found' })
})

test('what cannot be written is a problem of the storage, and under no id', () => {
  using directory = temporaryDirectory()
  using storage = openSample(directory.path)
  writeFileSync(join(directory.path, 'artifacts'), 'in the way')
  expect(() => storage.artifacts.put('s', 'content', text)).toThrow(expect.objectContaining({ code: 'storage_unavailable' }))
  expect(storage.artifacts.list('s')).toEqual([])
  expect(readFileSync(join(directory.path, 'artifacts'), 'utf8')).toBe('in the way')
})

test('a write that a crash cut short is swept away by the next start', () => {
  using directory = temporaryDirectory()
  openSample(directory.path)[Symbol.dispose]()
  const half = join(directory.path, 'tmp', '0'.repeat(64))
  writeFileSync(half, 'half')
  using _ = openSample(directory.path)
  expect(existsSync(half)).toBe(false)
})
