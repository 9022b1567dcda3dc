import assert from 'node:assert/strict'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { until } from '../../lifecycle/testing/processes.ts'
import type { Fault, Round } from '../fault.ts'
import { refusedStart } from '../launch.ts'
import { createPlace, createSession, play, type Place } from './place.ts'
import type { Witness } from './witness.ts'

/** What the daemon must make of it: refuse (65), tell of the loss, or go on with everything. */
type Outcome = 'refused' | 'gap' | 'whole' | 'refused or gap' | 'gap or whole' | 'any but silent'

interface Damage {
  readonly to: string
  readonly outcome: Outcome
  /** A daemon was killed, so that there is a WAL; else it stopped cleanly. */
  readonly killed?: true
  readonly do: (dataDir: string, random: () => number) => void
}

const db = (dataDir: string) => join(dataDir, 'codesdkd.db')
const wal = (dataDir: string) => join(dataDir, 'codesdkd.db-wal')
const mark = (dataDir: string) => join(dataDir, 'hwm.json')

function overwrite(file: string, from: number, bytes: Buffer): void {
  const content = readFileSync(file)
  bytes.copy(content, from)
  writeFileSync(file, content)
}

function noise(length: number, random: () => number): Buffer {
  return Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)))
}

export const damages: readonly Damage[] = [
  { to: 'header zeroed', outcome: 'refused', do: (dir) => overwrite(db(dir), 0, Buffer.alloc(100)) },
  { to: 'cut in half', outcome: 'refused', do: (dir) => truncateSync(db(dir), Math.floor(statSync(db(dir)).size / 2)) },
  { to: 'emptied', outcome: 'refused', do: (dir) => truncateSync(db(dir), 0) },
  { to: 'gone', outcome: 'refused', do: (dir) => rmSync(db(dir)) },
  { to: 'random bytes', outcome: 'refused', do: (dir, random) => writeFileSync(db(dir), noise(20_000, random)) },
  {
    to: 'a directory',
    outcome: 'refused',
    do: (dir) => {
      rmSync(db(dir))
      mkdirSync(db(dir))
    },
  },
  {
    to: 'a random page overwritten after a kill',
    outcome: 'any but silent',
    killed: true,
    do: (dir, random) => {
      const pages = Math.floor(statSync(db(dir)).size / 4096)
      overwrite(db(dir), 4096 * Math.floor(random() * pages), noise(4096, random))
    },
  },
  { to: '-wal deleted', outcome: 'refused or gap', killed: true, do: (dir) => rmSync(wal(dir)) },
  { to: '-wal emptied', outcome: 'refused or gap', killed: true, do: (dir) => truncateSync(wal(dir), 0) },
  {
    to: '-wal cut by 3,000 bytes',
    outcome: 'gap or whole',
    killed: true,
    do: (dir) => truncateSync(wal(dir), Math.max(0, statSync(wal(dir)).size - 3000)),
  },
  {
    to: '-wal cut somewhere',
    outcome: 'any but silent',
    killed: true,
    do: (dir, random) => truncateSync(wal(dir), Math.floor(random() * statSync(wal(dir)).size)),
  },
  {
    to: '-wal with random bytes somewhere',
    outcome: 'any but silent',
    killed: true,
    do: (dir, random) => overwrite(wal(dir), Math.floor(random() * (statSync(wal(dir)).size - 64)), noise(64, random)),
  },
  {
    to: '-shm made of random bytes',
    outcome: 'whole',
    killed: true,
    do: (dir, random) => writeFileSync(`${db(dir)}-shm`, noise(32_768, random)),
  },
  { to: 'mark gone', outcome: 'whole', do: (dir) => rmSync(mark(dir)) },
  { to: 'mark damaged', outcome: 'whole', do: (dir) => writeFileSync(mark(dir), '{"cursor":') },
  { to: 'mark of a longer log', outcome: 'gap', do: (dir) => writeFileSync(mark(dir), '{"cursor":100000}') },
]

/** Fills a data directory and ends its daemon; the mark then stands at the end of the log, so that every loss can be noticed. */
async function fill(place: Place, killed: boolean): Promise<{ witness: Witness; events: number }> {
  await using daemon = await place.start()
  const witness = await createSession(daemon, place)
  for (let task = 0; task < 3; task++) await play(daemon, witness, { count: 40, bytes: 300 })
  await witness.follow(daemon.client, () => witness.seen.length >= 100)
  const events = await witness.check(daemon.client)
  if (killed) {
    const { last_cursor } = (await daemon.client.get('/status')).body.storage as { last_cursor: number }
    await until('the mark is at the end', () => existsSync(mark(place.dataDir)) && readMark(place.dataDir) === last_cursor, 30_000)
  }
  await daemon.end(killed ? 'SIGKILL' : 'SIGTERM')
  return { witness, events }
}

function readMark(dataDir: string): number {
  return (JSON.parse(readFileSync(mark(dataDir), 'utf8')) as { cursor: number }).cursor
}

/** One template of a filled directory serves every damage. */
async function suffer(damage: Damage, template: string, filled: { witness: Witness; events: number }, { random }: Round): Promise<void> {
  await using place = await createPlace()
  cpSync(template, place.dataDir, { recursive: true })
  damage.do(place.dataDir, random)
  const outcome = await findOutcome(place, filled)
  assert.ok(fits(outcome, damage.outcome), `${damage.to}: ${outcome}`)
  if (outcome === 'refused') await recover(place, damage)
}

async function findOutcome(place: Place, { witness, events }: { witness: Witness; events: number }): Promise<string> {
  const before = toNames(place.dataDir)
  try {
    await using daemon = await place.start()
    const { issues } = (await daemon.client.get('/status')).body as { issues: readonly { kind: string }[] }
    if (issues.some(({ kind }) => kind === 'storage_gap')) return 'gap'
    const { status } = await daemon.client.get(`/sessions/${witness.sessionId}`)
    if (status !== 200) return `silently lost: ${status}`
    return (await witness.check(daemon.client)) >= events ? 'whole' : 'silently shorter'
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 65)) throw error
    assert.match(error.message, /codesdkd\.db .*Restore it from a backup/)
    assert.deepEqual(toNames(place.dataDir), before, 'something was changed by a start that was refused')
    return 'refused'
  }
}

function fits(outcome: string, expected: Outcome): boolean {
  if (expected === 'any but silent') return ['refused', 'gap', 'whole'].includes(outcome)
  return expected.split(' or ').includes(outcome)
}

async function recover(place: Place, { to }: Damage): Promise<void> {
  await using daemon = await place.start({ args: ['--recover'] })
  const { issues } = (await daemon.client.get('/status')).body as { issues: readonly { kind: string }[] }
  assert.ok(
    issues.some(({ kind }) => kind === 'storage_gap'),
    `${to}: recovered without a word`,
  )
  await play(daemon, await createSession(daemon, place), {})
}

/** The files of the log. The lock and what is empty at each start are not among them. */
function toNames(dataDir: string): readonly string[] {
  return readdirSync(dataDir)
    .filter((name) => name.startsWith('codesdkd.db') || name === 'hwm.json' || name.startsWith('damaged'))
    .toSorted()
}

const corrupt: Fault = {
  id: 'F34',
  name: `damaged, cut, emptied and missing files of the log, ${damages.length} ways`,
  rounds: { short: 1, long: 20 },
  async run(round) {
    for (const killed of [false, true]) {
      await using template = await createPlace()
      const filled = await fill(template, killed)
      // Each is a start or two of the daemon; opening the storage alone has tests for most of them.
      const some = damages.filter((damage) => (damage.killed ?? false) === killed && (round.long || round.random() < 0.25))
      for (const damage of some) await suffer(damage, template.dataDir, filled, round)
    }
  },
}

const artifacts: Fault = {
  id: 'F34a',
  name: 'a damaged and a missing artifact',
  rounds: { short: 1, long: 5 },
  async run({ random }) {
    await using place = await createPlace()
    await using daemon = await place.start()
    const { sessionId } = await createSession(daemon, place)
    const ids = await Promise.all(
      ['one', 'two', 'three'].map(async (content) => {
        const answer = await daemon.client.post('/artifacts', {
          session_id: sessionId,
          data: Buffer.from(content).toString('base64'),
          content_type: 'text/plain',
        })
        assert.equal(answer.status, 201, answer.text)
        return answer.body as { artifact_id: string; sha256: string }
      }),
    )
    const pathOf = ({ sha256 }: { sha256: string }) => join(place.dataDir, 'artifacts', sha256.slice(0, 2), sha256)
    const [one, two, three] = ids
    assert.ok(one !== undefined && two !== undefined && three !== undefined)
    writeFileSync(pathOf(one), noise(3, random))
    rmSync(pathOf(two))
    const statuses = await Promise.all(ids.map(async ({ artifact_id }) => (await daemon.client.get(`/artifacts/${artifact_id}`)).status))
    assert.deepEqual(statuses, [410, 410, 200])
    assert.equal((await daemon.client.get('/livez')).status, 200)
  },
}

const newer: Fault = {
  id: 'F55',
  name: 'a data directory of a newer daemon',
  rounds: { short: 1, long: 1 },
  async run() {
    await using place = await createPlace()
    await (await place.start()).end()
    const database = new DatabaseSync(db(place.dataDir))
    database.exec('PRAGMA user_version = 1000')
    database.close()
    const before = readFileSync(db(place.dataDir))
    const { code } = await refusedStart({ args: place.argsOf() })
    assert.equal(code, 78)
    assert.ok(readFileSync(db(place.dataDir)).equals(before), 'the newer database was touched')
  },
}

export const damageFaults: readonly Fault[] = [corrupt, artifacts, newer]
