import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { sampleRecord } from './core/testing/record.ts'
import { createSessionSecrets } from './session-secrets.ts'
import { openDataDir, type DataDir } from './storage/data-dir.ts'

const owner = (sessionId: string, generation = 0) => ({ sessionId, generation })

let dir: DataDir
beforeEach(() => {
  dir = openDataDir(mkdtempSync(join(tmpdir(), 'codesdkd-secrets-')))
})
afterEach(() => {
  dir[Symbol.dispose]()
  rmSync(dir.path, { recursive: true })
})

test('whatever the variables are, they come back, also to the next daemon', () => {
  const env = fc.dictionary(fc.string(), fc.string(), { noNullPrototype: true })
  fc.assert(
    fc.property(env, (variables) => {
      createSessionSecrets(dir).save(owner('sess_1'), variables)
      expect(createSessionSecrets(dir).load(owner('sess_1'))).toEqual(variables)
      createSessionSecrets(dir).remove(owner('sess_1'))
    }),
    { numRuns: 30, examples: [[JSON.parse('{"__proto__":"x","constructor":"y"}')]] },
  )
})

test('what is secret in the settings is in a private file and not in the record; an older record stays as it is', () => {
  const headers = { authorization: 'Bearer of-the-hub' }
  const runtimeConfig = { mcp_servers: { hub: { url: 'http://hub', headers } }, max_retries: 1 }
  const record = sampleRecord('sess_1', { runtimeConfig })
  const hidden = createSessionSecrets(dir).hide(record)
  expect(JSON.stringify(hidden)).not.toContain('of-the-hub')
  expect(createSessionSecrets(dir).reveal(hidden)).toEqual(record)
  const folder = join(dir.path, 'session-settings')
  expect(readdirSync(folder).map((name) => statSync(join(folder, name)).mode & 0o777)).toEqual([0o600])
  const older = sampleRecord('sess_0', { runtimeConfig })
  expect(createSessionSecrets(dir).reveal(older)).toBe(older)
  const plain = sampleRecord('sess_2', { runtimeConfig: { max_retries: 1 } })
  expect(createSessionSecrets(dir).hide(plain)).toBe(plain)
  createSessionSecrets(dir).remove(owner('sess_1'))
  expect(readdirSync(folder)).toEqual([])
})

test('each session has its own, and one without any has none', () => {
  const secrets = createSessionSecrets(dir)
  secrets.save(owner('sess_1'), { A: '1' })
  secrets.save(owner('sess_2'), { A: '2' })
  secrets.save(owner('sess_3'), {})
  expect(['sess_1', 'sess_2', 'sess_3', 'sess_4'].map((id) => secrets.load(owner(id)))).toEqual([{ A: '1' }, { A: '2' }, {}, {}])
  secrets.remove(owner('sess_1'))
  secrets.remove(owner('sess_4'))
  expect(secrets.load(owner('sess_1'))).toEqual({})
  expect(readdirSync(join(dir.path, 'session-env'))).toEqual(['sess_2.json'])
})

test('whoever takes a session over has its own; those before hold until they are forgotten, whatever was left in between', () => {
  const secrets = createSessionSecrets(dir)
  const servers = (token: string) => ({ mcp_servers: { hub: { url: 'http://hub', headers: { authorization: token } } } })
  const before = sampleRecord('sess_1', { runtimeConfig: servers('of-the-first') })
  const after = sampleRecord('sess_1', { runtimeConfig: servers('of-the-second'), generation: 1 })
  secrets.save(before, { A: '1' })
  const hidden = secrets.hide(before)
  secrets.save(after, { A: '1', B: '2' })
  const later = secrets.hide(after)
  expect([secrets.load(before), secrets.reveal(hidden)]).toEqual([{ A: '1' }, before])
  expect([secrets.load(after), secrets.reveal(later)]).toEqual([{ A: '1', B: '2' }, after])
  // The handoff was cut, and another one has no variables.
  secrets.save(after, {})
  expect(secrets.load(after)).toEqual({})
  secrets.forget(after)
  expect([secrets.load(before), secrets.reveal(later)]).toEqual([{}, after])
  secrets.save(owner('sess_1', 2), { C: 'of a handoff that was cut' })
  secrets.remove(after)
  expect(['session-env', 'session-settings'].flatMap((name) => readdirSync(join(dir.path, name)))).toEqual([])
})

test('nobody else can read them', () => {
  createSessionSecrets(dir).save(owner('sess_1'), { A: '1' })
  const directory = join(dir.path, 'session-env')
  expect([directory, join(directory, 'sess_1.json')].map((path) => statSync(path).mode & 0o777)).toEqual([0o700, 0o600])
})

test('a damaged file is not taken for a session without variables', () => {
  const secrets = createSessionSecrets(dir)
  secrets.save(owner('sess_1'), { A: '1' })
  writeFileSync(join(dir.path, 'session-env', 'sess_1.json'), '{"A":')
  expect(() => secrets.load(owner('sess_1'))).toThrow()
})
