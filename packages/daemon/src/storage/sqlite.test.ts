import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { StartFailure } from '../core/start-failure.ts'
import { openDatabase } from './sqlite.ts'
import { openSample, sampleAppend, sampleEvent, temporaryDirectory } from './testing/samples.ts'

const first = 'CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (1)'
const second = "ALTER TABLE a ADD COLUMN y TEXT; UPDATE a SET y = 'new'"

function failureOf(open: () => Disposable | { close(): void }): StartFailure {
  try {
    open()
  } catch (error) {
    if (error instanceof StartFailure) return error
    throw error
  }
  throw new Error('it was opened')
}

function contentOf(directory: string): Record<string, string> {
  const files = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isFile())
  return Object.fromEntries(files.map(({ name }) => [name, readFileSync(join(directory, name), 'hex')]))
}

/** A data directory as a daemon with some events leaves it. */
async function fill(path: string): Promise<string> {
  using storage = openSample(path)
  for (let seq = 1; seq <= 300; seq++) await storage.log.append(sampleAppend('s', seq))
  return join(path, 'codesdkd.db')
}

describe('migrations', () => {
  test('bring an older database to the present version', () => {
    using directory = temporaryDirectory()
    const path = join(directory.path, 'a.db')
    openDatabase(path, { migrations: [first], expected: false }).close()
    const database = openDatabase(path, { migrations: [first, second], expected: true })
    expect(database.prepare('SELECT * FROM a').all()).toEqual([{ x: 1, y: 'new' }])
    expect(database.prepare('PRAGMA user_version').get()).toEqual({ user_version: 2 })
    database.close()
  })

  test('happen as a whole or not at all', () => {
    using directory = temporaryDirectory()
    const path = join(directory.path, 'a.db')
    openDatabase(path, { migrations: [first], expected: false }).close()
    const broken = 'UPDATE a SET x = 2; INSERT INTO no_such_table VALUES (1)'
    expect(failureOf(() => openDatabase(path, { migrations: [first, second, broken], expected: true })).code).toBe('database_corrupt')
    const database = openDatabase(path, { migrations: [first], expected: true })
    expect(database.prepare('SELECT * FROM a').all()).toEqual([{ x: 1 }])
    database.close()
  })

  test('leave a newer database untouched', () => {
    using directory = temporaryDirectory()
    const path = join(directory.path, 'a.db')
    openDatabase(path, { migrations: [first, second], expected: false }).close()
    const before = contentOf(directory.path)
    const failure = failureOf(() => openDatabase(path, { migrations: [first], expected: true }))
    expect(failure).toMatchObject({ code: 'schema_too_new', exitCode: 78, members: { path, found: 2, known: 1 } })
    expect(contentOf(directory.path)).toEqual(before)
  })
})

describe('a damaged database', () => {
  const damages: Record<string, (file: string) => void> = {
    'header zeroed': (file) => writeFileSync(file, Buffer.concat([Buffer.alloc(100), readFileSync(file).subarray(100)])),
    'something else': (file) => writeFileSync(file, 'not a database at all, but long enough to be taken for one'.repeat(10)),
    'shorter than a header': (file) => truncateSync(file, 50),
    'cut in half': (file) => truncateSync(file, Math.floor(readFileSync(file).length / 2)),
    'one page': (file) => truncateSync(file, 4096),
    emptied: (file) => truncateSync(file, 0),
    gone: (file) => rmSync(file),
    'a directory': (file) => {
      rmSync(file)
      mkdirSync(file)
    },
    'schema overwritten': (file) => writeFileSync(file, readFileSync(file).fill(0xaa, 100, 4096)),
    'without tables': (file) => {
      rmSync(file)
      openDatabase(file, { migrations: [first], expected: false }).close()
    },
  }

  test.each(Object.keys(damages))('is reported with its path and advice, and not replaced: %s', async (damage) => {
    using directory = temporaryDirectory()
    const file = await fill(directory.path)
    damages[damage]?.(file)
    const before = contentOf(directory.path)
    const failure = failureOf(() => openSample(directory.path))
    expect(failure).toMatchObject({ code: 'database_corrupt', exitCode: 65, members: { path: file } })
    expect(failure.message).toContain(file)
    expect(failure.message).toContain('Restore it from a backup')
    expect(contentOf(directory.path)).toEqual(before)
    expect(failureOf(() => openSample(directory.path)).code).toBe('database_corrupt')
  })

  test.each(Object.keys(damages))('is moved aside where that is asked for, and the new log tells of the loss: %s', async (damage) => {
    using directory = temporaryDirectory()
    const file = await fill(directory.path)
    damages[damage]?.(file)
    const before = contentOf(directory.path)
    const wasFile = statSync(file, { throwIfNoEntry: false })?.isFile() ?? false
    {
      using storage = openSample(directory.path, { recover: true })
      expect(storage.setAside).toBe(join(directory.path, 'damaged-1'))
      expect(storage.log.gap).toEqual({ expected: 300, found: 0 })
      await storage.log.append(sampleAppend('s', 1))
    }
    if (wasFile) expect(contentOf(join(directory.path, 'damaged-1'))['codesdkd.db']).toBe(before['codesdkd.db'])
    using storage = openSample(directory.path, { recover: true })
    expect([storage.setAside, storage.log.gap, storage.log.lastSeq('s')]).toEqual([null, null, 1])
  })

  test('is found in a log that was closed as it should, where it is looked for', async () => {
    using directory = temporaryDirectory()
    const file = await fill(directory.path)
    const pages = readFileSync(file)
    const start = pages.indexOf(sampleEvent('s', 150).json)
    writeFileSync(file, pages.fill(0, start - (start % 4096), start - (start % 4096) + 4096))
    using storage = openSample(directory.path, { recover: true })
    expect(storage.log.gap).toEqual({ expected: 300, found: 0 })
  })

  test('that was moved aside as advised makes room for an empty one', async () => {
    using directory = temporaryDirectory()
    rmSync(await fill(directory.path))
    rmSync(join(directory.path, 'hwm.json'))
    using storage = openSample(directory.path)
    expect(storage.log.lastCursor()).toBe(0)
  })
})
