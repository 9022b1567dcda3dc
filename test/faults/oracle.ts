import assert from 'node:assert/strict'
import { copyFileSync, existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { TestClient } from '../harness/client.ts'
import { lives, processesWith, until } from '../lifecycle/testing/processes.ts'
import { isEnd, type Recorder, type Seen } from './recorder.ts'
import { memoryOf } from './storage/process-figures.ts'

/** O1 O2 O3 O7 O9 of one session, against a daemon that has started anew, or in which all tasks have ended. Returns its events. */
export async function checkSession(client: TestClient, recorder: Recorder): Promise<readonly Seen[]> {
  const stored = await readStored(client, recorder.sessionId)
  for (const [seq, json] of recorder.seen) assert.equal(stored[seq - 1], json, `O1: event ${seq} was seen and is not what is stored`)
  for (const [seq, json] of recorder.polled) {
    const event = stored[seq - 1]
    assert.equal(event === undefined ? event : JSON.stringify(JSON.parse(event)), json, `O1: event ${seq} was polled and is not stored`)
  }
  const events = stored.map((json) => JSON.parse(json) as Seen)
  assert.deepEqual(
    events.map(({ seq }) => seq),
    events.map((_, index) => index + 1),
    'O2: seq',
  )
  checkEnds(events, recorder.accepted)
  checkDecisions(events, recorder)
  return events
}

/** The bytes of every event, by way of the stream. */
async function readStored(client: TestClient, sessionId: string): Promise<readonly string[]> {
  const stored: string[] = []
  for await (const { id, event, data } of client.frames(`/sessions/${sessionId}/events?after_seq=0`)) {
    if (event === 'caught_up') return stored
    if (event !== undefined) continue
    assert.equal(Number(id), stored.length + 1, 'O2: seq has a gap')
    stored.push(data)
  }
  throw new assert.AssertionError({ message: 'O9: the stream of an old session ended before it had caught up' })
}

function checkEnds(events: readonly Seen[], accepted: ReadonlySet<string>): void {
  const ended = new Set<string>()
  for (const { type, trace, seq } of events) {
    if (trace.task_id === undefined) continue
    assert.ok(!ended.has(trace.task_id), `O3: ${type} (${seq}) after the end of its task`)
    if (isEnd(type)) ended.add(trace.task_id)
  }
  for (const taskId of accepted) assert.ok(ended.has(taskId), `O3: the accepted task ${taskId} has no end`)
}

function checkDecisions(events: readonly Seen[], { approved, denied }: Recorder): void {
  const decisions = new Map<string, string>()
  for (const { type, payload } of events) {
    if (type !== 'tool.call.approved' && type !== 'tool.call.denied') continue
    const attempt = `${payload.tool_call_id} ${payload.attempt}`
    assert.ok(!decisions.has(attempt), `O7: ${attempt} was decided twice`)
    decisions.set(attempt, type)
  }
  const decided = (type: string) => new Set([...decisions].flatMap(([key, is]) => (is === type ? [key.split(' ')[0] ?? ''] : [])))
  for (const id of approved) assert.ok(decided('tool.call.approved').has(id), `O1: the acknowledged approval of ${id} is gone`)
  for (const id of denied) assert.ok(decided('tool.call.denied').has(id), `O1: the acknowledged denial of ${id} is gone`)
}

/** O7: every run of a tool was approved, and none ran twice. Returns how many ran. */
export function checkRuns(workspace: string, events: readonly Seen[]): number {
  const requests = events.filter(({ type }) => type === 'tool.call.requested')
  const approvals = new Set(events.flatMap(({ type, payload }) => (type === 'tool.call.approved' ? [payload.tool_call_id] : [])))
  const runs = readdirSync(workspace).flatMap((name) => /^ran-(.+)-\d+$/.exec(name)?.[1] ?? [])
  assert.equal(new Set(runs).size, runs.length, 'O7: a tool ran twice')
  for (const id of runs) {
    const request = requests.find(({ payload }) => JSON.stringify(payload.input ?? '').includes(id))
    assert.ok(request && approvals.has(request.payload.tool_call_id), `O7: ${id} ran without an approval`)
  }
  return runs.length
}

/** O4: no process that was started with the marker lives, once it had time to end. */
export async function checkNoProcess(marker: string, limitMs = 10_000): Promise<void> {
  await until('O4: no process of an agent lives', () => !processesWith(marker).some(lives), limitMs)
}

/** O6: the database is whole. Looks at a copy, so that the WAL of a killed daemon stays as it is. */
export async function checkDatabase(dataDir: string): Promise<void> {
  await using copy = await mkdtempDisposable(join(tmpdir(), 'codesdkd-oracle-'))
  for (const name of ['codesdkd.db', 'codesdkd.db-wal'])
    if (existsSync(join(dataDir, name))) copyFileSync(join(dataDir, name), join(copy.path, name))
  const database = new DatabaseSync(join(copy.path, 'codesdkd.db'))
  try {
    assert.equal(database.prepare('PRAGMA integrity_check').get()?.['integrity_check'], 'ok', 'O6: the database is damaged')
  } finally {
    database.close()
  }
}

/** O8: nothing was left where half-made things are. */
export function checkTemp(dataDir: string): void {
  for (const name of ['tmp', 'walls']) {
    const path = join(dataDir, name)
    assert.deepEqual(existsSync(path) ? readdirSync(path) : [], [], `O8: ${name} is not empty`)
  }
}

/** What a running daemon holds. */
export interface Footprint {
  readonly rssMb: number
  /** The most that ever was. */
  readonly peakMb: number
  readonly descriptors: number
}

export function footprint(pid: number): Footprint {
  const { now: rssMb, peak: peakMb } = memoryOf(pid)
  return { rssMb, peakMb, descriptors: ownDescriptors(pid) }
}

/** Without connections over TCP: those that a client keeps for its next request are not the daemon's to close. */
function ownDescriptors(pid: number): number {
  const table = readFileSync(`/proc/${pid}/net/tcp`, 'utf8').trimEnd().split('\n').slice(1)
  const connections = new Set(table.map((line) => `socket:[${line.trim().split(/\s+/)[9]}]`))
  const held = readdirSync(`/proc/${pid}/fd`).map((name) => targetOf(`/proc/${pid}/fd/${name}`))
  return held.filter((target) => target !== null && !connections.has(target)).length
}

/** Null for what was closed meanwhile. */
function targetOf(link: string): string | null {
  try {
    return readlinkSync(link)
  } catch {
    return null
  }
}

/** O5: the daemon holds no more descriptors than before, and not much more memory. */
export async function checkFootprint(pid: number, before: Footprint, moreMb = 60, limitMs = 10_000): Promise<void> {
  await until('O5: descriptors are back', () => footprint(pid).descriptors <= before.descriptors + 1, limitMs)
  const { rssMb } = footprint(pid)
  assert.ok(rssMb <= before.rssMb + moreMb, `O5: ${rssMb} MB, before ${before.rssMb} MB`)
}
