import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { eventSchema, type Event } from './event.ts'
import { toMessageId, toMessagePlace } from './message-place.ts'
import { anyLines, anyTasks, toLog, type Line } from './testing/conversation.ts'
import { emptyTranscript, evolveTranscript, transcriptTypes } from './transcript-fold.ts'
import { transcriptPage, type Transcript, type TranscriptBlock } from './transcript.ts'

const fold = (events: readonly Event[], from = emptyTranscript('s')) => events.reduce(evolveTranscript, from)
const logs = anyLines.map((lines) => toLog(lines))

describe('the fold', () => {
  test('is of valid events, and what it makes of them is a valid page, whole', () => {
    fc.assert(
      fc.property(logs, (events) => {
        for (const event of events) expect(eventSchema(event.type).safeParse(event)).toMatchObject({ success: true })
        const page = { ...fold(events), next_after: null }
        expect(transcriptPage.parse(page)).toEqual(page)
      }),
    )
  })

  test('can be put down anywhere as JSON, and taken up again', () => {
    fc.assert(
      fc.property(logs, fc.nat(60), (events, at) => {
        const stored = JSON.parse(JSON.stringify(fold(events.slice(0, at)))) as Transcript
        expect(fold(events.slice(at), stored)).toEqual(fold(events))
      }),
    )
  })

  test('can begin again before its end', () => {
    fc.assert(
      fc.property(logs, fc.nat(60), (events, at) => {
        const whole = fold(events)
        expect(fold(events.slice(at), whole)).toBe(whole)
      }),
    )
  })

  test('never changes what it was given', () => {
    fc.assert(
      fc.property(logs, (events) => {
        for (const event of events) freeze(event)
        events.reduce((transcript, event) => freeze(evolveTranscript(freeze(transcript), event)), emptyTranscript('s'))
      }),
    )
  })

  test('needs no other types than it says', () => {
    fc.assert(
      fc.property(logs, (events) => {
        const { last_seq: _last, ...some } = fold(events.filter(({ type }) => transcriptTypes.has(type)))
        expect(fold(events)).toMatchObject(some)
      }),
    )
  })

  test('of one task is the same as that part of the fold of all', () => {
    fc.assert(
      fc.property(anyTasks, fc.nat(3), (tasks, at) => {
        const name = `t${at % tasks.length}`
        const events = toLog(tasks.flat())
        const start = events.findIndex(({ type, trace }) => type === 'task.started' && trace.task_id === name)
        const { tasks: known, messages } = fold(events)
        expect(fold(events.slice(start))).toMatchObject({
          tasks: known.slice(at % tasks.length),
          messages: messages.filter(({ first_seq }) => first_seq > start),
        })
      }),
    )
  })

  test('has messages in the order of their ids, none without content from an agent, and results after their calls', () => {
    fc.assert(
      fc.property(logs, (events) => {
        const { tasks, messages } = fold(events)
        const places = messages.map(({ message_id }) => toMessagePlace(message_id))
        expect(places.map((place) => (place === null ? null : toMessageId(place)))).toEqual(messages.map(({ message_id }) => message_id))
        const ordered = places.toSorted((a, b) => (a?.seq ?? 0) - (b?.seq ?? 0) || (a?.index ?? 0) - (b?.index ?? 0))
        expect(places).toEqual(ordered)
        for (const [at, message] of messages.entries()) {
          if (tasks.some(({ first_seq }) => first_seq === message.first_seq)) continue
          expect(message.content).not.toEqual([])
          const before = messages.slice(0, at).filter(({ task_id }) => task_id === message.task_id)
          // What steers may come between a call and its result.
          const since = before.slice(before.findLastIndex(({ role }) => role === 'tool') + 1).flatMap(({ content }) => content)
          const asked = since.flatMap((block) => (block.type === 'tool_use' ? [`${block.id} ${block.attempt}`] : []))
          for (const block of message.content) {
            expect(block.type === 'tool_result').toBe(message.role === 'tool')
            if (block.type === 'tool_result') expect(asked).toContain(`${block.tool_use_id} ${block.attempt}`)
          }
        }
      }),
    )
  })

  test('tolerates types that it does not know', () => {
    const [start, other] = toLog([said('go'), { type: 'runtime.notice', task: 't', payload: {} }])
    const unknown = { ...other, type: 'quota.changed' } as unknown as Event
    expect(fold(start === undefined ? [] : [start, unknown])).toMatchObject({ last_seq: 2, messages: [{ role: 'user' }] })
  })
})

test.each(['', '1', '1-2', '1-2-3-4', '0-1-0', '1-02-0', '-1-2-3', '1-2-x', '1-2- 3', `1-${'9'.repeat(20)}-0`])(
  '%j is no message id',
  (id) => {
    expect(toMessagePlace(id)).toBeNull()
  },
)

// ---------------------------------------------------------------- what a conversation looks like

const said = (content: string): Line => ({ type: 'task.started', task: 't', payload: { messages: [{ role: 'user', content }] } })
const on = (type: Line['type'], payload: unknown): Line => ({ type, task: 't', payload })
const delta = (block_id: string, text: string, kind = 'text_delta') => on('model.output.delta', { kind, block_id, delta: text })
const written = (block_id: string | undefined, text: string, more: object = {}) =>
  on('model.output.completed', { ...(block_id === undefined ? {} : { block_id }), content: [{ type: 'text', text }], ...more })
const callOf = (id: string, attempt = 1) => ({ tool_call_id: id, attempt, input_hash: 'h' })
const asked = (id: string, attempt = 1) =>
  on('tool.call.requested', { ...callOf(id, attempt), name: 'shell', kind: 'execute', title: id, input: { command: id } })
const approved = (id: string) =>
  on('tool.call.approved', {
    ...callOf(id),
    decided_by: 'user',
    policy_snapshot: { permission_mode: 'ask', decision: 'allow', sources: ['user'] },
  })
const denied = (id: string, reason: string, decided_by = 'user', attempt = 1) =>
  on('tool.call.denied', {
    ...callOf(id, attempt),
    decided_by,
    reason,
    policy_snapshot: { permission_mode: 'ask', decision: 'deny', sources: [decided_by] },
  })
const ran = (id: string, result_preview: string, more: object = {}) =>
  on('tool.call.completed', {
    ...callOf(id),
    name: 'shell',
    executed_by: 'runtime',
    execution_env: 'sandbox',
    policy_snapshot: { permission_mode: 'ask', decision: 'allow', sources: [] },
    result_preview,
    is_error: false,
    duration_ms: 1,
    ...more,
  })

/** What a person would note of it: `role: block, block`. */
const notes = (...lines: readonly Line[]) =>
  fold(toLog(lines)).messages.map(({ role, content }) => `${role}: ${content.map(note).join(', ')}`)

function note(block: TranscriptBlock): string {
  switch (block.type) {
    case 'text':
      return `${block.text}${block.block_id === undefined ? '' : '…'}${block.partial === true ? ' (cut)' : ''}`
    case 'reasoning':
      return `(${block.text})`
    case 'tool_use':
      return `${block.id}.${block.attempt} ${block.phase}${block.decision === undefined ? '' : ` by ${block.decision.decided_by}`}`
    case 'tool_result':
      return `${block.tool_use_id}.${block.attempt} = ${String(block.content)}${block.is_error === true ? ' !' : ''}`
    case 'question':
      return `${block.title} ${block.outcome ?? '?'}`
    default:
      return block.type
  }
}

describe('what the agent says', () => {
  test('grows with its deltas and is replaced by what is whole', () => {
    expect(notes(said('go'), delta('b', 'Hel'), delta('b', 'lo'))).toEqual(['user: go', 'assistant: Hello…'])
    expect(notes(said('go'), delta('b', 'Hel'), written('b', 'Hello.'))).toEqual(['user: go', 'assistant: Hello.'])
    expect(notes(said('go'), written(undefined, 'Hello.'))).toEqual(['user: go', 'assistant: Hello.'])
  })

  test('stands in the order in which it began', () => {
    expect(notes(said('go'), delta('r', 'hm', 'reasoning_delta'), delta('b', 'Hi'), asked('c'), written('b', 'Hi.'))).toEqual([
      'user: go',
      'assistant: (hm), Hi., c.1 requested',
    ])
  })

  test('is gone where it was discarded, and its message with it', () => {
    expect(notes(said('go'), delta('b', 'Hel'), on('model.output.discarded', { block_id: 'b' }))).toEqual(['user: go'])
    expect(
      notes(said('go'), delta('b', 'Hel'), on('model.output.discarded', { block_id: 'b' }), delta('b', 'Hallo'), written('b', 'Hallo')),
    ).toEqual(['user: go', 'assistant: Hallo'])
  })

  test('is marked where a stop has cut it', () => {
    expect(notes(said('go'), delta('b', 'Hel'), written('b', 'Hel', { partial: true }))).toEqual(['user: go', 'assistant: Hel (cut)'])
    expect(
      notes(said('go'), on('model.output.completed', { block_id: 'b', content: [{ type: 'text', text: '' }], partial: true })),
    ).toEqual(['user: go'])
  })

  test('is another message after one that was given in the middle of it', () => {
    const given = on('task.steered', { messages: [{ role: 'user', content: 'and this' }], steered_by: 'other' })
    expect(notes(said('go'), written('b', 'I lo'), written(undefined, 'I look.'), given, written(undefined, 'Done.')).slice(-2)).toEqual([
      'user: and this',
      'assistant: Done.',
    ])
  })

  test('never goes on with a message that the host sent for it', () => {
    const messages = [
      { role: 'user', content: 'one' },
      { role: 'assistant', content: 'two' },
    ]
    expect(notes(on('task.started', { messages }), written(undefined, 'three'))).toEqual([
      'user: one',
      'assistant: two',
      'assistant: three',
    ])
  })
})

describe('a call', () => {
  test('is followed by its result, and what is said then is another message', () => {
    expect(
      notes(said('go'), written(undefined, 'I look.'), asked('c'), approved('c'), ran('c', 'one'), written(undefined, 'Done.')),
    ).toEqual(['user: go', 'assistant: I look., c.1 completed by user', 'tool: c.1 = one', 'assistant: Done.'])
  })

  test('that runs beside another has its result with that of the other, however late', () => {
    expect(notes(said('go'), asked('c'), asked('d'), ran('c', 'one'), written(undefined, 'Wait.'), ran('d', 'two'))).toEqual([
      'user: go',
      'assistant: c.1 completed, d.1 completed',
      'tool: c.1 = one, d.1 = two',
      'assistant: Wait.',
    ])
  })

  test('that was denied says who did, and the reason is its result', () => {
    expect(
      notes(said('go'), asked('c'), on('tool.call.policy_evaluated', { ...callOf('c'), source: 'codesdk', result: 'ask', rule: 'r' })),
    ).toEqual(['user: go', 'assistant: c.1 pending'])
    expect(notes(said('go'), asked('c'), denied('c', 'not here'))).toEqual([
      'user: go',
      'assistant: c.1 denied by user',
      'tool: c.1 = not here !',
    ])
  })

  test('that asks again is told of once for each attempt', () => {
    expect(notes(said('go'), asked('c'), denied('c', 'superseded', 'daemon'), asked('c', 2), denied('c', 'no', 'user', 2))).toEqual([
      'user: go',
      'assistant: c.1 denied by daemon',
      'tool: c.1 = superseded !',
      'assistant: c.2 denied by user',
      'tool: c.2 = no !',
    ])
  })

  test('with a long output names the artifact, from the output to the end', () => {
    const output = on('tool.output.completed', { ...callOf('c'), result_preview: 'one', result_ref: 'a1', truncated: true })
    const result = (...lines: readonly Line[]) => fold(toLog([said('go'), asked('c'), ...lines])).messages.at(-1)?.content
    expect(result(output)).toEqual([
      { type: 'tool_result', tool_use_id: 'c', attempt: 1, content: 'one', result_ref: 'a1', truncated: true },
    ])
    expect(result(output, ran('c', 'one', { result_ref: 'a1', exit_code: 3, is_error: true }))).toEqual([
      {
        type: 'tool_result',
        tool_use_id: 'c',
        attempt: 1,
        content: 'one',
        result_ref: 'a1',
        truncated: true,
        outcome: 'completed',
        is_error: true,
        exit_code: 3,
        duration_ms: 1,
        executed_by: 'runtime',
        execution_env: 'sandbox',
      },
    ])
  })
})

test('a question stands where it was asked, with its answer', () => {
  const question = on('question.asked', { question_id: 'q', title: 'Which?', schema: {} })
  expect(notes(said('go'), question)).toEqual(['user: go', 'assistant: Which? ?'])
  const reply = on('question.answered', { question_id: 'q', outcome: 'accept', answered_by: 'user', content: { which: 'this' } })
  expect(notes(said('go'), question, reply)).toEqual(['user: go', 'assistant: Which? accept'])
  expect(fold(toLog([said('go'), question, reply])).messages[1]?.content).toMatchObject([{ content: { which: 'this' } }])
})

describe('a task', () => {
  const { receipt: _receipt, ...end } = { reason: 'error', receipt: null }
  const error = { code: 'agent_exited', message: 'gone', retryable: true }

  test('says how it ended, also where nothing was said', () => {
    const { tasks, messages } = fold(toLog([said('go'), on('task.failed', { ...end, error })]))
    expect(tasks).toMatchObject([{ task_id: 't', status: 'failed', reason: 'error', error, first_seq: 1 }])
    expect(messages).toHaveLength(1)
  })

  test('that has ended does not change any more', () => {
    const events = toLog([said('go'), on('task.stopped', end), written(undefined, 'more'), asked('c'), said('again')])
    expect(fold(events)).toEqual({ ...fold(events.slice(0, 2)), last_seq: 5 })
  })

  test('that waits is not part of the conversation yet', () => {
    expect(notes(on('task.queued', { messages: [{ role: 'user', content: 'later' }] }))).toEqual([])
  })

  test('tells how much of what was before it its agent had', () => {
    const restored = { source: 'transcript', messages_carried: 3, messages_omitted: 1, characters: 90, truncated: true }
    expect(fold(toLog([said('go'), on('session.context_restored', restored)])).tasks).toMatchObject([{ context_restored: restored }])
  })
})

function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  Object.freeze(value)
  for (const part of Object.values(value)) freeze(part)
  return value
}
