import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, describe, expect, test } from 'vitest'
import { TestClient } from '../harness/client.ts'
import { checkDatabase, checkFootprint, checkNoProcess, checkRuns, checkSession, checkTemp, footprint } from './oracle.ts'
import { Recorder, type Seen } from './recorder.ts'

const folder = mkdtempSync(join(tmpdir(), 'codesdkd-oracle-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const trace = { session_id: 's', task_id: 't' }
const about = { tool_call_id: 'c', attempt: 1, input_hash: 'h' }
const lawful: readonly Seen[] = (
  [
    { type: 'task.started', payload: {} },
    { type: 'tool.call.requested', payload: { ...about, input: { command: 'run call-1' } } },
    { type: 'tool.call.approved', payload: about },
    { type: 'task.completed', payload: {} },
  ] as const
).map((event, index) => ({ seq: index + 1, trace, ...event }))

/** A server that has these events of one session, whatever is wrong with them. */
async function judge(events: readonly Seen[], { seen = events, caughtUp = true }: { seen?: readonly Seen[]; caughtUp?: boolean } = {}) {
  const frames = events.map((event) => `id: ${event.seq}\ndata: ${JSON.stringify(event)}\n\n`)
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.end([...frames, ...(caughtUp ? ['event: caught_up\ndata: {}\n\n'] : [])].join(''))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const recorder = new Recorder('s')
  for (const event of seen) recorder.seen.set(event.seq, JSON.stringify(event))
  recorder.accepted.add('t')
  recorder.approved.add('c')
  try {
    return await checkSession(new TestClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`), recorder)
  } finally {
    server.close()
  }
}

const without = (at: number) => lawful.toSpliced(at, 1).map((event, index) => ({ ...event, seq: index + 1 }))
const [first, asked, approved, ended] = lawful as readonly [Seen, Seen, Seen, Seen]

describe('of a session', () => {
  test('a lawful history passes', async () => {
    expect(await judge(lawful)).toEqual(lawful)
  })

  test.each([
    ['O1', 'what was seen has other bytes', lawful, { seen: [{ ...first, payload: { reason: 'other' } }] }],
    ['O1', 'what was seen is gone', lawful, { seen: [...lawful, { ...ended, seq: 5 }] }],
    ['O1', 'an acknowledged approval is gone', without(2), {}],
    ['O2', 'a number is left out', lawful.toSpliced(1, 1), { seen: [] }],
    ['O2', 'a number is given twice', [first, first, asked], { seen: [] }],
    ['O3', 'an accepted task has no end', lawful.slice(0, 3), {}],
    ['O3', 'a task has two ends', [...lawful, { ...ended, seq: 5 }], {}],
    ['O3', 'something follows the end', [...lawful, { ...asked, seq: 5 }], {}],
    ['O7', 'a call is decided twice', [first, asked, approved, { ...approved, seq: 4 }, { ...ended, seq: 5 }], {}],
    ['O9', 'the stream breaks off', lawful, { caughtUp: false }],
  ] as const)('%s: %s', async (oracle, _what, events, options) => {
    await expect(judge(events, options)).rejects.toThrow(new RegExp(`^${oracle}:`))
  })
})

describe('O7, of the tools that ran', () => {
  const workspace = (...names: readonly string[]) => {
    const path = mkdtempSync(join(folder, 'workspace-'))
    for (const name of names) writeFileSync(join(path, name), '')
    return path
  }

  test('one that was approved may run once', () => {
    expect(checkRuns(workspace('ran-call-1-7'), lawful)).toBe(1)
  })

  test('none runs twice, unasked, or denied', () => {
    expect(() => checkRuns(workspace('ran-call-1-7', 'ran-call-1-8'), lawful)).toThrow(/^O7: a tool ran twice/)
    expect(() => checkRuns(workspace('ran-call-2-7'), lawful)).toThrow(/^O7: call-2 ran without/)
    expect(() => checkRuns(workspace('ran-call-1-7'), without(2))).toThrow(/^O7: call-1 ran without/)
  })
})

test('O4: a process with the marker is found, and one that has ended is not', async () => {
  const marker = `marker-${crypto.randomUUID()}`
  const child = spawn('sleep', ['60'], { env: { ...process.env, MARKER: marker }, stdio: 'ignore' })
  await once(child, 'spawn')
  await expect(checkNoProcess(marker, 300)).rejects.toThrow(/O4/)
  child.kill('SIGKILL')
  await once(child, 'exit')
  await checkNoProcess(marker)
})

test('O5: descriptors and memory that are kept are seen', async () => {
  const child = spawn(process.execPath, ['-e', 'process.stdin.on("data", () => undefined); console.log("up")'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  await once(child.stdout, 'data')
  const { pid = 0 } = child
  const now = footprint(pid)
  await checkFootprint(pid, now)
  await expect(checkFootprint(pid, { ...now, rssMb: now.rssMb - 100 })).rejects.toThrow(/^O5: \d+ MB/)
  await expect(checkFootprint(pid, { ...now, descriptors: now.descriptors - 2 }, 60, 300)).rejects.toThrow(/O5: descriptors/)
  child.kill('SIGKILL')
})

test('O6: a page of the database that is not what it was is seen', async () => {
  const dir = mkdtempSync(join(folder, 'data-'))
  const file = join(dir, 'codesdkd.db')
  const database = new DatabaseSync(file)
  database.exec('CREATE TABLE a (b TEXT UNIQUE)')
  for (let row = 0; row < 500; row++) database.exec(`INSERT INTO a VALUES ('${'x'.repeat(50)}${row}')`)
  database.close()
  await checkDatabase(dir)
  await using handle = await open(file, 'r+')
  await handle.write(Buffer.alloc(4_096, 7), 0, 4_096, 8_192)
  await expect(checkDatabase(dir)).rejects.toThrow()
})

test('O8: what is half made is seen', () => {
  const dir = mkdtempSync(join(folder, 'data-'))
  checkTemp(dir)
  mkdirSync(join(dir, 'tmp'))
  mkdirSync(join(dir, 'walls'))
  checkTemp(dir)
  for (const name of ['tmp', 'walls']) {
    writeFileSync(join(dir, name, 'half'), '')
    expect(() => checkTemp(dir)).toThrow(new RegExp(`^O8: ${name} is not empty`))
    rmSync(join(dir, name, 'half'))
  }
})
