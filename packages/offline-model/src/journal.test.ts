import { expect, test } from 'vitest'
import { JournalRecorder, toRecordedHeaders, toRecordedPath } from './journal.ts'

const request = (leg = 0, headers: Record<string, string> = {}): Parameters<JournalRecorder['record']>[0] => ({
  at: 0,
  dialect: 'responses',
  method: 'POST',
  path: '/v1/responses',
  headers,
  scenario: 'go',
  side: false,
  leg,
  attempt: 1,
  conversation: { id: null, model: 'm', wants: 'stream', tools: [], cwd: null, answerSchema: null, items: [] },
  body: {},
})
const seqs = (journal: JournalRecorder): number[] => journal.entries.map(({ seq }) => seq)

test('old entries are forgotten, by number and by size', () => {
  const few = new JournalRecorder({ maxEntries: 2 })
  for (let n = 0; n < 4; n += 1) few.record(request(), 1)
  expect(seqs(few)).toEqual([3, 4])
  const small = new JournalRecorder({ maxBytes: 10 })
  for (const bytes of [4, 4, 4, 50]) small.record(request(), bytes)
  expect(seqs(small)).toEqual([4])
})

test('waitFor finds what was, what comes and how it ended', async () => {
  const journal = new JournalRecorder()
  const seq = journal.record(request(), 1)
  await expect(journal.waitFor(({ leg }) => leg === 0)).resolves.toMatchObject({ seq, outcome: 'playing' })
  const next = journal.waitFor(({ leg }) => leg === 1)
  const ended = journal.waitFor(({ outcome }) => outcome === 'completed')
  journal.record(request(1), 1)
  journal.settle(seq, 'completed')
  await expect(next).resolves.toMatchObject({ seq: 2 })
  await expect(ended).resolves.toMatchObject({ seq: 1 })
})

test('waitFor gives up with its signal, with the journal and with its predicate', async () => {
  const journal = new JournalRecorder()
  const abort = new AbortController()
  const aborted = journal.waitFor(() => false, abort.signal)
  abort.abort(new Error('enough'))
  await expect(aborted).rejects.toThrow('enough')
  await expect(journal.waitFor(() => false, abort.signal)).rejects.toThrow('enough')
  const closed = journal.waitFor(() => false)
  journal.close()
  await expect(closed).rejects.toThrow('stopped')
  const broken = journal.waitFor(() => {
    throw new Error('broken')
  })
  journal.record(request(), 1)
  await expect(broken).rejects.toThrow('broken')
})

test('credentials are recorded as fingerprints and can be compared', () => {
  const headers = toRecordedHeaders({ authorization: 'Bearer top-secret', 'x-api-key': 'other-secret', accept: 'text/event-stream' })
  expect(headers).toEqual({
    authorization: expect.stringMatching(/^Bearer sha256:[0-9a-f]{16}$/),
    'x-api-key': expect.stringMatching(/^sha256:[0-9a-f]{16}$/),
    accept: 'text/event-stream',
  })
  const journal = new JournalRecorder()
  journal.record(request(0, headers), 1)
  const [entry] = journal.entries
  expect(['top-secret', 'other-secret', 'wrong'].map((secret) => entry && journal.carries(entry, secret))).toEqual([true, true, false])
  expect(toRecordedPath(new URL('http://x/v1beta?alt=sse&key=top-secret'))).not.toContain('top-secret')
})
