import assert from 'node:assert/strict'
import { cpSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { migrations } from '../../../packages/daemon/src/storage/schema.ts'
import { fromStretch, type StoredStretch } from '../../../packages/daemon/src/storage/stretch.ts'
import { until } from '../../lifecycle/testing/processes.ts'
import type { Fault } from '../fault.ts'
import { launch, Refused } from '../launch.ts'
import { createPlace, createSession, play } from './place.ts'
import { descriptorsOf, memoryOf } from './process-figures.ts'
import { openRawReader } from './raw-reader.ts'
import { underStrace } from './strace.ts'
import { isEnd, type Witness } from './witness.ts'

const MB = 1024 ** 2
const walOf = (dataDir: string): number => statSync(join(dataDir, 'codesdkd.db-wal'), { throwIfNoEntry: false })?.size ?? 0

const pinnedReader: Fault = {
  id: 'F57',
  name: 'readers that stop in the middle of the log, and a bundle, while 100 MB are written (short: 20 MB): the WAL stays small',
  rounds: { short: 1, long: 1 },
  async run({ long, figure }) {
    await using place = await createPlace()
    await using daemon = await place.start()
    const witness = await createSession(daemon, place)
    await play(daemon, witness, { count: 500, bytes: 10_000 })
    using readers = new DisposableStack()
    for (let index = 0; index < 5; index++)
      readers.use(openRawReader(daemon.client.url, `/sessions/${witness.sessionId}/events?stream=1&after_seq=0`, 0))
    using _bundle = openRawReader(daemon.client.url, `/sessions/${witness.sessionId}/support-bundle`, 0)
    let largest = 0
    for (let round = 0; round < (long ? 20 : 4); round++) {
      await play(daemon, witness, { count: 500, bytes: 10_000 })
      largest = Math.max(largest, walOf(place.dataDir))
    }
    figure('WAL MB', Math.round(largest / MB))
    assert.ok(largest < 64 * MB, `the WAL has ${largest} bytes`)
    await witness.check(daemon.client)
  },
}

const preload = pathToFileURL(join(import.meta.dirname, '../live-heap.ts')).href

/** Bytes that live in the heap of a daemon that was started with the preload. */
async function liveHeap(pid: number, file: string): Promise<number> {
  rmSync(file, { force: true })
  process.kill(pid, 'SIGUSR2')
  const read = () => Number(readFileSync(file, { encoding: 'utf8', flag: 'a+' }))
  await until('the heap was looked at', () => read() > 0, 30_000)
  return read()
}

const soak: Fault = {
  id: 'F56',
  name: 'tasks one after the other in 200 sessions that come and go (short: 20): what lives in the heap, memory, descriptors and WAL stay',
  rounds: { short: 1, long: 1 },
  async run({ long, figure }) {
    await using place = await createPlace()
    const file = join(place.path, 'heap')
    await using daemon = await place.start({
      args: ['--max-live-agents', '2'],
      node: ['--expose-gc', '--import', preload],
      env: { LIVE_HEAP: file },
    })
    const { client, pid } = daemon
    const marks: { readonly memory: number; readonly descriptors: number; readonly heap: number }[] = []
    // One of every two is deleted in the end.
    const comeAndGo = async (sessions: number) => {
      for (let session = 0; session < sessions; session++) {
        const witness = await createSession(daemon, place)
        for (let task = 0; task < (long ? 3 : 1); task++) await play(daemon, witness, { count: 5, bytes: 50 })
        await witness.check(client)
        if (session % 2 === 0) assert.ok((await client.request('DELETE', `/sessions/${witness.sessionId}`)).status < 300)
      }
      marks.push({ memory: memoryOf(pid).now, descriptors: descriptorsOf(pid), heap: await liveHeap(pid, file) })
    }
    const part = long ? 50 : 5
    for (let mark = 0; mark < 4; mark++) await comeAndGo(part)
    // What is made once is made with the first of them.
    const [, before, , after] = marks
    assert.ok(before !== undefined && after !== undefined)
    const slope = (after.heap - before.heap) / (2 * part)
    figure('KB of heap for a session', Math.round(slope / 1024))
    figure('MB at half and end', `${before.memory} ${after.memory}`)
    figure('WAL MB', Math.round(walOf(place.dataDir) / MB))
    assert.ok(slope < (long ? 20 : 100) * 1024, `R5: a session that is over keeps ${slope} bytes`)
    await until('the descriptors are back', () => descriptorsOf(pid) <= before.descriptors + 8, 30_000)
    assert.ok(walOf(place.dataDir) < 64 * MB)
    assert.ok(after.memory < 300, `R5: ${after.memory} MB`)
  },
}

/** A data directory as the first version left it, and a kill at each sync of the start that brings it up to date. */
const older: Fault = {
  id: 'F55a',
  name: 'a data directory of the oldest schema with sessions and events, the migration killed at the nth write or sync',
  rounds: { short: 1, long: 60 },
  async run({ random, figure }) {
    await using place = await createPlace()
    const witnesses: Witness[] = []
    {
      await using daemon = await place.start()
      for (let index = 0; index < 3; index++) {
        const witness = await createSession(daemon, place)
        for (let task = 0; task < 3; task++) await play(daemon, witness, { count: 20, bytes: 500 })
        // Follows to what was last said; O1 holds it against what the migrated log has.
        let ends = 0
        await witness.follow(daemon.client, (event) => isEnd(event) && (ends += 1) === 3)
        witnesses.push(witness)
      }
      await daemon.end()
    }
    const file = join(place.dataDir, 'codesdkd.db')
    makeOldest(file)
    const calls = random() < 0.5 ? 'fsync,fdatasync' : 'pwrite64'
    const nth = 1 + Math.floor(random() * (calls === 'pwrite64' ? 60 : 12))
    try {
      const [strace = '', ...rest] = underStrace({ calls, error: 'EIO', when: String(nth), paths: [file, `${file}-wal`] })
      await using daemon = await launch({
        args: place.argsOf(),
        prefix: [strace, ...rest.map((text) => text.replace(':error=EIO', ':signal=SIGKILL'))],
      })
      figure(`${calls} ${nth}`, 'was not reached')
      await daemon.end('SIGKILL')
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      figure(`${calls} ${nth}`, 'killed')
    }
    const copy = join(place.path, 'copy')
    cpSync(place.dataDir, copy, { recursive: true })
    const version = versionOf(join(copy, 'codesdkd.db'))
    assert.ok(version === 1 || version === migrations.length, `half migrated: ${version}`)
    await using daemon = await place.start()
    for (const witness of witnesses) {
      await witness.check(daemon.client)
      assert.equal((await daemon.client.get(`/sessions/${witness.sessionId}`)).body.archived, false)
      await play(daemon, witness, {})
    }
    assert.equal(await daemon.end(), 0)
    assert.equal(readFileSync(file).readUInt32BE(60), migrations.length)
  },
}

/** Takes away what later versions have added; what the rows say stays. */
function makeOldest(file: string): void {
  const database = new DatabaseSync(file)
  giveEachItsOwnRow(database)
  database.exec('ALTER TABLE event DROP COLUMN count')
  database.exec('DROP TABLE removal; DROP INDEX artifact_by_content; ALTER TABLE session DROP COLUMN archived')
  assert.deepEqual(shapeOf(database), shapeOfOldest(), 'a later version has added more: take that away, too')
  database.exec('PRAGMA user_version = 1')
  database.close()
}

function giveEachItsOwnRow(database: DatabaseSync): void {
  const rows = database.prepare('SELECT cursor, session_no, seq, count, type AS types, body FROM event').all() as unknown[]
  const remove = database.prepare('DELETE FROM event WHERE cursor = ?')
  const insert = database.prepare('INSERT INTO event (cursor, session_no, seq, type, body) VALUES (?, ?, ?, ?, ?)')
  for (const one of rows) {
    const row = one as Omit<StoredStretch, 'frames' | 'sessionId'> & { readonly session_no: number; readonly body: string }
    remove.run(row.cursor)
    for (const { cursor, seq, type, json } of fromStretch({ ...row, sessionId: '' }, row.body, 0))
      insert.run(cursor, row.session_no, seq, type, json)
  }
}

function shapeOfOldest(): readonly string[] {
  const database = new DatabaseSync(':memory:')
  database.exec(migrations[0] ?? '')
  const shape = shapeOf(database)
  database.close()
  return shape
}

/** Tables with their columns, and indexes. */
function shapeOf(database: DatabaseSync): readonly string[] {
  const names = database.prepare("SELECT type, name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name").all()
  return names.map(({ type, name }) => {
    const columns = database.prepare(`SELECT name FROM pragma_table_info('${String(name)}')`).all()
    return `${String(type)} ${String(name)} ${columns.map((column) => String(column['name'])).join(' ')}`
  })
}

function versionOf(file: string): number {
  const database = new DatabaseSync(file)
  const { user_version } = database.prepare('PRAGMA user_version').get() as { user_version: number }
  const check = database.prepare('PRAGMA integrity_check').get() as { integrity_check: string }
  database.close()
  assert.equal(check.integrity_check, 'ok')
  return user_version
}

export const growthFaults: readonly Fault[] = [pinnedReader, soak, older]
