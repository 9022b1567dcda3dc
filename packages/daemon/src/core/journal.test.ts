import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Event, type NewEvent, toReceipt } from '@codesdkd/protocol'
import { openStorage } from '../storage/storage.ts'
import { closeOpen, terminal } from './decide.ts'
import { canonicalHash, inputHash } from './input-hash.ts'
import { Journal, type Draft } from './journal.ts'
import type { EventLog } from './ports.ts'
import { createMasker } from './redaction/redact.ts'
import { createRefusals } from './refusals.ts'
import { toCreated } from './session-record.ts'
import { sampleRecord } from './testing/record.ts'

const record = sampleRecord('s', { permissionMode: 'ask' })
const clock = { now: () => '2026-01-01T00:00:00.000Z', monotonic: () => 0 }
const inputs = {
  newId: () => 'id',
  inputHash,
  contentHash: canonicalHash,
  permissionMode: 'ask',
  walled: false,
  refusals: createRefusals(),
} as const

const created: NewEvent = { type: 'session.created', payload: toCreated(record, []) }
const started = (task_id: string): NewEvent => ({
  type: 'task.started',
  task_id,
  payload: { messages: [{ role: 'user', content: `do ${task_id}` }] },
})
const queued = (task_id: string): NewEvent => ({
  type: 'task.queued',
  task_id,
  payload: { messages: [{ role: 'user', content: `do ${task_id}` }] },
})
const said = (task_id: string, text: string): NewEvent => ({
  type: 'model.output.completed',
  task_id,
  payload: { content: [{ type: 'text', text }] },
})
const delta = (task_id: string, text: string): NewEvent => ({
  type: 'model.output.delta',
  task_id,
  payload: { kind: 'text_delta', block_id: 'b', delta: text },
})

function ended(journal: Journal, taskId: string): readonly Draft[] {
  const task = journal.state.tasks.get(taskId)
  if (task === undefined) throw new Error('no task')
  return [
    ...closeOpen(task, 'over', new Map(), inputs),
    (state, time) => terminal(taskId, { status: 'completed', reason: 'end_turn' }, toReceipt(state.tasks.get(taskId) ?? task, time)),
  ]
}

async function withStorage(body: (open: () => { log: EventLog } & Disposable) => Promise<void>): Promise<void> {
  const path = await mkdtemp(join(tmpdir(), 'codesdkd-journal-'))
  let ids = 0
  try {
    await body(() => openStorage({ path: join(path, 'state'), clock, newId: () => String((ids += 1)).padStart(32, '0') }))
  } finally {
    await rm(path, { recursive: true, force: true })
  }
}

const options = (log: EventLog, secrets: readonly string[] = [], seen: Event[] = []) => ({
  log,
  clock,
  masker: createMasker(secrets),
  hash: canonicalHash,
  observer: (event: Event) => void seen.push(event),
})

test('what is decided is folded at once, and shown to others only after the commit', async () => {
  await withStorage(async (open) => {
    using storage = open()
    const seen: Event[] = []
    const journal = new Journal(record, options(storage.log, [], seen))
    const committed = journal.commit([created, started('t')], { durability: 'synced', session: record, bodyHash: 'h' })
    expect([journal.state.last_seq, journal.shown.last_seq, storage.log.lastSeq('s'), seen.length]).toEqual([2, 0, 0, 0])
    await committed
    expect([journal.state.last_seq, journal.shown.last_seq, storage.log.lastSeq('s'), seen.length]).toEqual([2, 2, 2, 2])
  })
})

test('a journal that is taken up again has the state, the transcript and the request hashes of the one before', async () => {
  await withStorage(async (open) => {
    let before: Journal
    {
      using storage = open()
      before = new Journal(record, options(storage.log))
      await before.commit([created, started('one'), said('one', 'done')], { durability: 'synced', session: record, bodyHash: 'h1' })
      await before.commit([queued('two')], { durability: 'synced', bodyHash: 'h2' })
      await before.commit([delta('one', 'late')], { durability: 'lazy' })
      await before.commit(ended(before, 'one'), { durability: 'synced' })
      before.runtimeSessionId = 'native'
      await before.commit([started('two'), delta('two', 'half')], { durability: 'synced' })
    }
    using storage = open()
    const stored = storage.log.session('s')
    if (stored === null) throw new Error('the session is lost')
    const after = new Journal(stored.record, options(storage.log), stored.snapshot)
    after.replay()
    expect(after.state.tasks).toEqual(before.state.tasks)
    expect(after.state.last_seq).toBe(before.state.last_seq)
    expect(after.transcript).toEqual(before.transcript)
    expect(after.transcript).toHaveLength(2)
    expect(after.runtimeSessionId).toBe('native')
    expect([after.bodyHash('one'), after.bodyHash('two')]).toEqual([undefined, 'h2'])
    expect(storage.log.task('s', 'one')).toMatchObject({ bodyHash: 'h1', task: { status: 'completed' } })
  })
})

test('a known secret is in no stored event, and the fold is that of the stored bytes', async () => {
  await withStorage(async (open) => {
    using storage = open()
    const seen: Event[] = []
    const journal = new Journal(record, options(storage.log, ['correct-horse-battery'], seen))
    await journal.commit([created, started('t'), said('t', 'it is correct-horse-battery')], {
      durability: 'synced',
      session: record,
      bodyHash: 'h',
    })
    const stored = storage.log.read('s', 0, 10).map(({ json }) => json)
    expect(stored.join('\n')).not.toContain('correct-horse-battery')
    expect(seen.map((event) => JSON.stringify(event))).toEqual(stored)
  })
})
