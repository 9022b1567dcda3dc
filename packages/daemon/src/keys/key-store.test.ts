import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createKeyStore, DamagedKeys, InvalidKey } from './key-store.ts'

let dataDir: string
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'codesdkd-keys-'))
})
afterEach(() => rmSync(dataDir, { recursive: true }))

const openAi = { namespace: 'default', runtime: 'codex-sdk', variable: 'OPENAI_API_KEY' }
const listed = { ...openAi, endpoint: null }
const files = () => readdirSync(join(dataDir, 'keys')).filter((name) => name.endsWith('.json'))

test('whatever the key is, it comes back, also to whoever had the store open before', async () => {
  const before = createKeyStore(dataDir)
  const name = fc.record({
    namespace: fc.constantFrom('default', 'Default', 'a.b', 'a_b'),
    runtime: fc.constantFrom('codex-sdk', 'mine', 'constructor'),
    variable: fc.constantFrom('A', 'B', '__proto__'),
  })
  const key = fc.string({ unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)), minLength: 1 })
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(name, key), { minLength: 1, maxLength: 4 }), async (entries) => {
      rmSync(join(dataDir, 'keys'), { recursive: true, force: true })
      for (const [one, value] of entries) await createKeyStore(dataDir).set(one, value)
      const last = new Map(entries.map(([one, value]) => [`${one.namespace} ${one.runtime} ${one.variable}`, { ...one, value }]))
      for (const { namespace, runtime, variable, value } of last.values())
        expect(Object.entries(before.load(namespace)[runtime] ?? {})).toContainEqual([variable, { value, endpoint: null }])
      expect(before.list()).toHaveLength(last.size)
    }),
    { numRuns: 20 },
  )
})

test('only the owner can read it', async () => {
  await createKeyStore(dataDir).set(openAi, 'sk-1')
  const directory = join(dataDir, 'keys')
  expect(statSync(directory).mode & 0o777).toBe(0o700)
  for (const name of readdirSync(directory)) expect(statSync(join(directory, name)).mode & 0o077).toBe(0)
})

test('a list has names only, and makes nothing', async () => {
  const store = createKeyStore(dataDir)
  expect(store.list()).toEqual([])
  expect(store.load('default')).toEqual({})
  expect(readdirSync(dataDir)).toEqual([])
  await store.set({ ...openAi, namespace: 'team' }, 'sk-1')
  await store.set(openAi, 'sk-2')
  expect(store.list()).toEqual([listed, { ...listed, namespace: 'team' }])
})

test('an endpoint is kept with its key, until the key is set without one', async () => {
  const store = createKeyStore(dataDir)
  const endpoint = 'https://gateway.example.com/v1'
  await store.set(openAi, 'sk-1', endpoint)
  expect(store.list()).toEqual([{ ...openAi, endpoint }])
  expect(store.load('default')).toEqual({ 'codex-sdk': { OPENAI_API_KEY: { value: 'sk-1', endpoint } } })
  await store.set(openAi, 'sk-2')
  expect(store.load('default')).toEqual({ 'codex-sdk': { OPENAI_API_KEY: { value: 'sk-2', endpoint: null } } })
})

test('one key is removed, or all of a runtime; a namespace without keys leaves no file', async () => {
  const store = createKeyStore(dataDir)
  const second = { ...openAi, variable: 'CODEX_API_KEY' }
  const foreign = { ...openAi, runtime: 'mine' }
  for (const name of [openAi, second, foreign]) await store.set(name, 'sk-1')
  expect(await store.remove(openAi, 'NOTHING')).toEqual([])
  expect(await store.remove(openAi, 'CODEX_API_KEY')).toEqual([second])
  expect(await store.remove(openAi, null)).toEqual([openAi])
  expect(store.load('default')).toEqual({ mine: { OPENAI_API_KEY: { value: 'sk-1', endpoint: null } } })
  expect(await store.remove(foreign, null)).toEqual([foreign])
  expect(files()).toEqual([])
})

test('of keys that are set at the same time none is lost', async () => {
  const names = Array.from({ length: 8 }, (_unused, index) => ({ ...openAi, variable: `KEY_${index}` }))
  await Promise.all(names.map((name) => createKeyStore(dataDir).set(name, 'sk-1')))
  expect(createKeyStore(dataDir).list()).toEqual(names.map((name) => ({ ...name, endpoint: null })))
})

test.each([
  ['nothing', ''],
  ['a space', 'sk 1'],
  ['a line end', 'sk-1\nsk-2'],
  ['a NUL', 'sk-1\0'],
  ['an accent', 'sk-é'],
  ['too much', 'x'.repeat(16 * 1024 + 1)],
])('no key: %s', async (_what, value) => {
  const store = createKeyStore(dataDir)
  const error = await store.set(openAi, value).catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(InvalidKey)
  expect(String(error)).not.toContain('sk')
  expect(readdirSync(dataDir)).toEqual([])
  await store.set(openAi, 'x'.repeat(16 * 1024))
})

test.each([
  ['half of it', '{"namespace":"default","keys":[{"runtime":"codex-sdk"'],
  ['another form', '{"OPENAI_API_KEY":"sk-secret"}'],
  ['that of another namespace', '{"namespace":"team","keys":[]}'],
])('a damaged file is named and kept: %s', async (_what, content) => {
  const store = createKeyStore(dataDir)
  await store.set(openAi, 'sk-1')
  const path = join(dataDir, 'keys', files()[0] ?? '')
  writeFileSync(path, content)
  for (const attempt of [async () => store.load('default'), () => store.set(openAi, 'sk-2'), () => store.remove(openAi, null)]) {
    const error = await attempt().catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(DamagedKeys)
    expect(String(error)).toContain(path)
    expect(String(error)).not.toContain('sk-')
  }
  expect(readFileSync(path, 'utf8')).toBe(content)
})

test('what cannot be read is not taken for no keys', async () => {
  const store = createKeyStore(dataDir)
  await store.set(openAi, 'sk-1')
  const path = join(dataDir, 'keys', files()[0] ?? '')
  rmSync(path)
  mkdirSync(path)
  expect(() => store.load('default')).toThrow(DamagedKeys)
})
