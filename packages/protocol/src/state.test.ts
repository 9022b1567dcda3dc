import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { eventTypes, payloads, type Event, type EventType, type Payload } from './event.ts'
import { activeTask, emptyState, evolve, forgetEnded, sessionPhase, toReceipt } from './state.ts'

const receipt = {
  files_changed: [],
  files_changed_total: 0,
  commands: [],
  commands_total: 0,
  approvals: { approved: 0, denied: 0, by_user: 0, by_policy: 0, by_runtime: 0, by_daemon: 0 },
  usage: null,
  cost_usd: null,
  time_ms: { total: 0, model: 0, tool: 0, waiting_for_human: 0, queued: 0 },
}
const policy_snapshot = { permission_mode: 'ask', decision: 'allow', sources: ['person'] }

/** One payload of each type, with the id of a call or a block where the type has one. */
const samples: Readonly<Record<EventType, (id: string) => unknown>> = {
  'session.created': () => ({
    contract_version: 1,
    runtime: 'r',
    model: null,
    permission_mode: 'ask',
    escalation: 'deny',
    cwd: '/',
    credential_namespace: 'default',
    isolation_level: 'shared',
    isolation_mode: 'subprocess',
    confinement: 'sandbox',
    env_names: [],
    runtime_config: {},
    title: null,
    metadata: {},
  }),
  'session.updated': () => ({ changed: {} }),
  'session.handed_off': () => ({
    from: { runtime: 'r', model: null, runtime_session_id: 'n' },
    to: { runtime: 'q', model: 'm' },
    isolation_mode: 'subprocess',
    confinement: 'sandbox',
    runtime_config: {},
    env_names: [],
    env_withheld: [],
    carried: { messages: 1, messages_omitted: 0, characters: 1, images: 0, images_omitted: 0, truncated: false, network_answers: 0 },
    not_carried: [{ kind: 'reasoning', detail: 'd' }],
  }),
  'session.forked': () => ({
    forked_from: { session_id: 'o', after_seq: 1 },
    runtime: 'q',
    model: 'm',
    permission_mode: 'ask',
    title: null,
    metadata: {},
  }),
  'session.closed': () => ({ reason: 'r' }),
  'session.context_restored': () => ({ source: 'transcript', messages_carried: 1, messages_omitted: 0, characters: 1, truncated: false }),
  'task.queued': () => ({ messages: [{ role: 'user', content: 'go' }] }),
  'task.started': () => ({ messages: [{ role: 'user', content: 'go' }] }),
  'task.steered': () => ({ messages: [{ role: 'user', content: 'and this' }], steered_by: 'other' }),
  'model.input': () => ({ input_ref: 'a', input_hash: 'h', context_window: null, implicit_sources_ref: null }),
  'runtime.request.started': () => ({ model: null }),
  'runtime.request.completed': () => ({ model: null, status: 200, first_byte_ms: 1, duration_ms: 2, usage: null }),
  'model.output.delta': (id) => ({ kind: 'text_delta', block_id: id, delta: 'x' }),
  'model.output.discarded': (id) => ({ block_id: id }),
  'model.output.completed': (id) => ({ block_id: id, content: [{ type: 'text', text: 'x' }] }),
  'plan.updated': () => ({ entries: [{ text: 'x', status: 'pending' }] }),
  'tool.call.requested': (id) => ({
    tool_call_id: id,
    attempt: 1,
    input_hash: 'h',
    name: 'shell',
    kind: 'execute',
    title: 'ls',
    input: {},
  }),
  'tool.call.policy_evaluated': (id) => ({ tool_call_id: id, attempt: 1, input_hash: 'h', source: 'codesdk', result: 'ask', rule: 'r' }),
  'tool.call.approved': (id) => ({ tool_call_id: id, attempt: 1, input_hash: 'h', decided_by: 'user', policy_snapshot }),
  'tool.call.denied': (id) => ({ tool_call_id: id, attempt: 1, input_hash: 'h', decided_by: 'daemon', policy_snapshot }),
  'tool.call.started': (id) => ({ tool_call_id: id, attempt: 1, input_hash: 'h', executed_by: 'runtime' }),
  'tool.output.delta': (id) => ({ tool_call_id: id, attempt: 1, input_hash: 'h', stream: 'stdout', delta: 'x' }),
  'tool.output.completed': (id) => ({ tool_call_id: id, attempt: 1, input_hash: 'h', result_preview: 'x', truncated: false }),
  'tool.call.completed': (id) => ({
    tool_call_id: id,
    attempt: 1,
    input_hash: 'h',
    name: 'shell',
    executed_by: 'runtime',
    execution_env: 'sandbox',
    policy_snapshot,
    result_preview: 'x',
    is_error: false,
    exit_code: 0,
    duration_ms: 1,
  }),
  'file.changed': (id) => ({ path: id, change: 'edit' }),
  'question.asked': (id) => ({ question_id: id, title: 'q', schema: {} }),
  'question.answered': (id) => ({ question_id: id, outcome: 'decline', answered_by: 'user' }),
  'usage.reported': () => ({ input_tokens: 3, output_tokens: null, scope: 'call' }),
  'runtime.notice': () => ({ level: 'info', kind: 'k', message: 'm' }),
  'task.completed': () => ({ reason: 'end_turn', receipt }),
  'task.failed': () => ({ reason: 'error', error: { code: 'agent_error', message: 'm', retryable: false }, receipt }),
  'task.stopped': () => ({ reason: 'stopped_by_user', receipt }),
}

interface Draft {
  readonly type: EventType
  readonly task: string | undefined
  readonly id: string
  readonly at: number
}

const draft: fc.Arbitrary<Draft> = fc.record({
  type: fc.constantFrom(...eventTypes),
  task: fc.constantFrom('a', 'b', undefined),
  id: fc.constantFrom('x', 'y'),
  at: fc.nat(10_000),
})

function toEvents(drafts: readonly Draft[]): readonly Event[] {
  return drafts.map(
    ({ type, task, id, at }, index) =>
      ({
        schema_version: 1,
        seq: index + 1,
        time: new Date(at).toISOString(),
        type,
        trace: { session_id: 's', ...(task === undefined ? {} : { task_id: task }) },
        runtime: { name: 'r' },
        payload: samples[type](id),
      }) as Event,
  )
}

const fold = (events: readonly Event[]) => events.reduce(evolve, emptyState('s'))

test.each(eventTypes)('the sample of %s is a valid payload', (type) => {
  expect(payloads[type].safeParse(samples[type]('x'))).toMatchObject({ success: true })
})

describe('evolve', () => {
  const histories = fc.array(draft, { maxLength: 80 }).map(toEvents)

  test('is total: any events in any order fold, and seq is that of the last', () => {
    fc.assert(
      fc.property(histories, (events) => {
        expect(fold(events).last_seq).toBe(events.length)
      }),
    )
  })

  test('never changes what it was given', () => {
    fc.assert(
      fc.property(histories, draft, (events, next) => {
        const state = fold(events)
        const before = structuredClone(state)
        const [event] = toEvents([next])
        if (event !== undefined) evolve(state, event)
        expect(state).toEqual(before)
      }),
    )
  })

  test('tolerates types that it does not know', () => {
    const [event] = toEvents([{ type: 'runtime.notice', task: 'a', id: 'x', at: 0 }])
    expect(evolve(emptyState('s'), { ...event, type: 'quota.changed' } as unknown as Event)).toMatchObject({ last_seq: 1 })
  })

  test('settings that can change are those of the last event that tells them', () => {
    const base = { schema_version: 1, time: '2026-11-22T12:00:00.000Z', trace: { session_id: 's' }, runtime: { name: 'r' } } as const
    const created = { ...(samples['session.created']('') as Payload<'session.created'>), title: 'one', metadata: { a: '1' } }
    const first = evolve(emptyState('s'), { ...base, seq: 1, type: 'session.created', payload: created })
    expect(first).toMatchObject({ title: 'one', metadata: { a: '1' }, model: null, permission_mode: 'ask', archived: false })
    const changed = { title: null, permission_mode: 'auto', model: 'm', archived: true, later: 'unknown' } as const
    const second = evolve(first, { ...base, seq: 2, type: 'session.updated', payload: { changed } })
    expect(second).toEqual({ ...first, last_seq: 2, title: null, permission_mode: 'auto', model: 'm', archived: true })
  })

  test('an ended task never changes again', () => {
    fc.assert(
      fc.property(histories, fc.array(draft, { maxLength: 20 }), (events, more) => {
        const ended = fold([
          ...events,
          ...toEvents([
            { type: 'task.started', task: 'a', id: 'x', at: 0 },
            { type: 'task.stopped', task: 'a', id: 'x', at: 0 },
          ]),
        ])
        expect(toEvents(more).reduce(evolve, ended).tasks.get('a')).toEqual(ended.tasks.get('a'))
      }),
    )
  })

  test('forgetting ended tasks changes nothing about the open ones', () => {
    fc.assert(
      fc.property(histories, fc.array(draft, { maxLength: 20 }), (events, more) => {
        const open = (state: ReturnType<typeof fold>) => [...state.tasks].filter(([, task]) => task.status === 'running')
        // A task that is forgotten could begin again; the daemon refuses its id, and so does this.
        const rest = toEvents(more.filter(({ type }) => type !== 'task.queued' && type !== 'task.started'))
        expect(open(rest.reduce(evolve, forgetEnded(fold(events))))).toEqual(open(rest.reduce(evolve, fold(events))))
      }),
    )
  })

  test('the clocks of a receipt add up, and no time is negative when the clock goes back', () => {
    fc.assert(
      fc.property(histories, (events) => {
        for (const task of fold(events).tasks.values()) {
          const { total, model, tool, waiting_for_human, queued } = toReceipt(task, new Date(20_000).toISOString()).time_ms
          expect(Math.min(model, tool, waiting_for_human, queued)).toBeGreaterThanOrEqual(0)
          if (task.started_at !== null) expect(model + tool + waiting_for_human + queued).toBe(total)
        }
      }),
    )
  })
})

describe('phases', () => {
  const after = (...types: EventType[]) => fold(toEvents(types.map((type) => ({ type, task: 'a', id: 'x', at: 0 }))))

  test.each([
    [['task.queued'], 'queued'],
    [['task.queued', 'task.started'], 'starting'],
    [['task.started', 'model.output.delta'], 'running'],
    [['task.started', 'tool.call.requested', 'tool.call.policy_evaluated'], 'waiting_approval'],
    [['task.started', 'tool.call.requested', 'tool.call.policy_evaluated', 'tool.call.approved'], 'running'],
    [['task.started', 'model.output.delta', 'question.asked'], 'waiting_input'],
    [['task.started', 'task.completed'], 'idle'],
    [['session.created'], 'idle'],
    [['session.closed'], 'closed'],
  ] as const)('%j -> %s', (types, phase) => {
    expect(sessionPhase(after(...types))).toBe(phase)
  })

  test('a queued task is not the active one', () => {
    expect(activeTask(after('task.queued'))).toBeUndefined()
    expect(activeTask(after('task.queued', 'task.started'))?.task_id).toBe('a')
  })
})

test('a usage that is not known stays unknown', () => {
  const state = fold(
    toEvents([
      { type: 'task.started', task: 'a', id: 'x', at: 0 },
      { type: 'usage.reported', task: 'a', id: 'x', at: 0 },
    ]),
  )
  expect(state.tasks.get('a')?.usage).toMatchObject({ input_tokens: 3, output_tokens: null })
})

describe('the model calls of a receipt', () => {
  const usage = { input_tokens: 3, output_tokens: 2 }
  const [start, ended] = toEvents([
    { type: 'task.started', task: 'a', id: 'x', at: 0 },
    { type: 'runtime.request.completed', task: 'a', id: 'x', at: 0 },
  ])
  const receiptOf = (...payloadsOf: readonly Payload<'runtime.request.completed'>[]) => {
    const events = payloadsOf.map((payload) => ({ ...ended, payload }) as Event)
    const task = [start, ...events]
      .reduce((state, event) => (event === undefined ? state : evolve(state, event)), emptyState('s'))
      .tasks.get('a')
    if (task === undefined) throw new Error('no task')
    return toReceipt(task, new Date(1).toISOString())
  }

  test('are not there where none were seen', () => expect(receiptOf()).not.toHaveProperty('model_calls'))

  test.each([
    [200, 0],
    [399, 0],
    [400, 1],
    [529, 1],
    [null, 1],
    [undefined, 0],
  ])('with status %j: %d failed', (status, failed) => {
    const { model_calls } = receiptOf({ model: 'm', ...(status === undefined ? {} : { status }) })
    expect(model_calls).toEqual({ total: 1, failed, usage: null })
  })

  test('add up what the answers told', () => {
    const { model_calls, usage: told } = receiptOf(
      { model: 'm', status: 200, usage },
      { model: 'm', status: 500, usage: null },
      { model: 'm', status: 200, usage },
    )
    expect(model_calls).toMatchObject({ total: 3, failed: 1, usage: { input_tokens: 6, output_tokens: 4, cached_input_tokens: null } })
    expect(told).toBeNull()
  })
})
