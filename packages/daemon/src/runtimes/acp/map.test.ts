import { readdirSync, readFileSync } from 'node:fs'
import * as path from 'node:path'
import { findLayered, layeredEntries, payloads } from '@codesdkd/protocol'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Observation } from '../../core/task-host.ts'
import { answered } from './call-flow.ts'
import { beginPrompt, endPrompt, mapAcp } from './map.ts'
import type { MapHooks } from './map.ts'
import { promptResult } from './native.ts'
import { createAcpState } from './state.ts'
import type { AcpState, Mapped } from './state.ts'
import type { Incoming, RpcId } from '../json-rpc.ts'

const directory = path.join(import.meta.dirname, '../../../../../test/fixtures/acp')
const names = readdirSync(directory).flatMap((file) => (file.endsWith('.native.jsonl') ? [file.slice(0, -'.native.jsonl'.length)] : []))

/** What the agent said, how its questions were answered, and where its prompts begin and end, in the order in which it happened. */
type Step =
  | { readonly kind: 'message'; readonly message: Incoming }
  | { readonly kind: 'answer'; readonly request: RpcId; readonly approved: boolean }
  | { readonly kind: 'begin' }
  | { readonly kind: 'end'; readonly result: unknown }

interface Line {
  readonly from?: { readonly id?: RpcId; readonly method?: string; readonly params?: unknown; readonly result?: unknown }
  readonly to?: { readonly id: RpcId; readonly method?: string; readonly result?: { readonly outcome?: { readonly optionId?: string } } }
}

function toStep({ from, to }: Line): Step {
  if (to !== undefined) {
    if (to.method !== undefined) return { kind: 'begin' }
    return { kind: 'answer', request: to.id, approved: to.result?.outcome?.optionId === 'proceed_once' }
  }
  if (from?.method === undefined) return { kind: 'end', result: from?.result }
  const { id, method, params } = from
  return { kind: 'message', message: id === undefined ? { kind: 'notification', method, params } : { kind: 'request', id, method, params } }
}

function readRecording(name: string): { readonly start: AcpState; readonly steps: readonly Step[] } {
  const steps = readFileSync(path.join(directory, `${name}.native.jsonl`), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => toStep(JSON.parse(line)))
  return { start: createAcpState({ sessionId: '00000000-0000-4000-8000-000000000001', cwd: '/workspace', costBefore: 0 }), steps }
}

const hooks: MapHooks = {}

function take(state: AcpState, step: Step): Mapped {
  switch (step.kind) {
    case 'message':
      return mapAcp(hooks, state, step.message)
    case 'answer':
      return [answered(state, step.request, step.approved), []]
    case 'begin':
      return beginPrompt(state)
    case 'end':
      return endPrompt(hooks, state, promptResult.parse(step.result))
    default:
      return step satisfies never
  }
}

type Seen = Observation | Extract<Step, { kind: 'answer' }>

/** All observations, and the answers where they were given. */
function replay(start: AcpState, steps: readonly Step[]): { readonly state: AcpState; readonly seen: readonly Seen[] } {
  let state = start
  const seen: Seen[] = []
  for (const step of steps) {
    const [next, observations] = take(state, step)
    state = next
    if (step.kind === 'answer') seen.push(step)
    seen.push(...observations)
  }
  return { state, seen }
}

describe.each(names)('recording %s', (name) => {
  const { start, steps } = readRecording(name)
  const { state, seen } = replay(start, steps)

  test('is understood as before', async () => {
    const text = seen.map((one) => `${JSON.stringify(one)}\n`).join('')
    await expect(text).toMatchFileSnapshot(path.join(directory, `${name}.observations.jsonl`))
  })

  test('ends, with nothing left over', () => {
    expect([...state.requests.keys()]).toEqual([])
    expect(layeredEntries(state.calls).filter(([, { phase }]) => phase !== 'ended' && phase !== 'declined')).toEqual([])
    expect(state.invalidLines).toBe(0)
  })

  test('streams what it completes', () => {
    const streamed = new Map<string, string>()
    for (const one of seen) {
      if (one.kind !== 'event') continue
      const { type, payload } = one.event
      if (type === 'model.output.delta') streamed.set(payload.block_id, (streamed.get(payload.block_id) ?? '') + payload.delta)
      if (type !== 'model.output.completed') continue
      expect(payload.content.map((block) => ('text' in block ? block.text : '')).join('')).toBe(streamed.get(payload.block_id ?? ''))
      streamed.delete(payload.block_id ?? '')
    }
    expect([...streamed.keys()]).toEqual([])
  })

  test('makes events that fit the wire', () => {
    for (const one of seen) if (one.kind === 'event') expect(payloads[one.event.type].safeParse(one.event.payload).error).toBeUndefined()
  })
})

test('there are recordings', () => {
  expect(names.length).toBeGreaterThan(7)
})

test('a command that is asked about is never taken for one that was not', () => {
  const { start, steps } = readRecording('command-denied')
  const { seen } = replay(start, steps)
  expect(seen.map(({ kind }) => kind).filter((kind) => kind !== 'event')).toEqual(['call.asked', 'answer', 'answer'])
})

test('a call of another conversation is nobody’s affair', () => {
  const start = createAcpState({ sessionId: 'mine', cwd: '/workspace', costBefore: null })
  const update = { sessionUpdate: 'tool_call', toolCallId: 'a', title: 'ls', status: 'completed' }
  const of = (sessionId: string): Incoming => ({ kind: 'notification', method: 'session/update', params: { sessionId, update } })
  expect(mapAcp(hooks, start, of('theirs'))).toEqual([start, []])
  expect(mapAcp(hooks, start, of('mine'))[1]).toHaveLength(3)
})

test('what is said without an end is told in blocks of bounded size, which together are all of it', () => {
  const start = createAcpState({ sessionId: 's', cwd: '/workspace', costBefore: null })
  const said = Array.from({ length: 50 }, (_unused, index) => `${index}`.repeat(50_000))
  const steps = said.map((text): Step => {
    const update = { sessionUpdate: 'agent_message_chunk', messageId: 'one', content: { type: 'text', text } }
    return { kind: 'message', message: { kind: 'notification', method: 'session/update', params: { sessionId: 's', update } } }
  })
  const { seen } = replay(start, [...steps, { kind: 'end', result: { stopReason: 'end_turn' } }])
  const blocks = seen.flatMap((one) =>
    one.kind === 'event' && one.event.type === 'model.output.completed'
      ? one.event.payload.content.map((block) => (block.type === 'text' ? block.text : ''))
      : [],
  )
  expect(blocks.length).toBeGreaterThan(3)
  expect(Math.max(...blocks.map(({ length }) => length))).toBeLessThan(1.2 * 1024 ** 2)
  expect(blocks.join('')).toBe(said.join(''))
})

test('an id that is used again is another call', () => {
  const start = createAcpState({ sessionId: 's', cwd: '/workspace', costBefore: null })
  const update = (sessionUpdate: string, status: string): Step => ({
    kind: 'message',
    message: {
      kind: 'notification',
      method: 'session/update',
      params: { sessionId: 's', update: { sessionUpdate, toolCallId: 'a', title: 'ls', status } },
    },
  })
  const once = [update('tool_call', 'pending'), update('tool_call_update', 'completed'), update('tool_call_update', 'completed')]
  const { seen } = replay(start, [...once, ...once])
  expect(seen.flatMap((one) => (one.kind === 'call.completed' ? [one.id] : []))).toEqual(['a', 'a#2'])
})

describe('leave is given for what was asked', () => {
  const start = createAcpState({ sessionId: 's', cwd: '/workspace', costBefore: null })
  const ask = (id: RpcId, command: string): Step => ({
    kind: 'message',
    message: {
      kind: 'request',
      id,
      method: 'session/request_permission',
      params: { sessionId: 's', toolCall: call(command), options: [{ optionId: 'y', kind: 'allow_once' }] },
    },
  })
  const tell = (told: object): Step => ({
    kind: 'message',
    message: {
      kind: 'notification',
      method: 'session/update',
      params: { sessionId: 's', update: { ...told, sessionUpdate: 'tool_call_update' } },
    },
  })
  const call = (command: string) => ({ toolCallId: 'a', kind: 'execute', rawInput: { command } })
  const answer = (request: RpcId): Step => ({ kind: 'answer', request, approved: true })
  const waiting = (...steps: readonly Step[]) => [...replay(start, steps).state.requests.keys()]
  const notices = (...steps: readonly Step[]) =>
    replay(start, steps).seen.flatMap((seen) =>
      seen.kind === 'event' && seen.event.type === 'runtime.notice' ? [seen.event.payload.kind] : [],
    )

  test('an answer counts for the last question about a call', () => {
    expect(waiting(ask(1, 'ls'))).toEqual([1])
    expect(waiting(ask(1, 'ls'), ask(2, 'ls -a'))).toEqual([2])
  })

  test('none counts for a call that is over, or is another one by now', () => {
    expect(waiting(ask(1, 'ls'), tell({ toolCallId: 'a', status: 'failed' }))).toEqual([])
    expect(waiting(ask(1, 'ls'), tell(call('ls')))).toEqual([1])
    expect(waiting(ask(1, 'ls'), tell(call('rm x')))).toEqual([])
    expect(notices(ask(1, 'ls'), tell(call('rm x')), tell(call('rm x')))).toEqual(['acp.call.changed'])
  })

  test('a call that is another one when it runs is pointed out', () => {
    expect(notices(ask(1, 'ls'), answer(1), tell(call('ls')))).toEqual([])
    expect(notices(ask(1, 'ls'), answer(1), tell({ ...call('rm x'), status: 'in_progress' }))).toEqual(['acp.call.changed'])
  })

  test('of a call that is over no content is kept', () => {
    const content = [{ type: 'content', content: { type: 'text', text: 'much' } }]
    const over = { ...call('ls'), status: 'completed', content, rawOutput: { output: 'much' } }
    const { state } = replay(start, [ask(1, 'ls'), answer(1), tell({ ...over, status: 'in_progress' }), tell(over)])
    expect(JSON.stringify([...state.calls])).not.toContain('much')
  })
})

test('what a task cost is not known when the sum has become less', () => {
  const start = createAcpState({ sessionId: 's', cwd: '/workspace', costBefore: 2 })
  const cost = { amount: 1, currency: 'USD' }
  const update = { sessionUpdate: 'usage_update', used: 1, size: 10, cost }
  const { seen } = replay(start, [
    { kind: 'message', message: { kind: 'notification', method: 'session/update', params: { sessionId: 's', update } } },
    { kind: 'end', result: { stopReason: 'end_turn', usage: { inputTokens: 1, outputTokens: 1 } } },
  ])
  expect(seen).toMatchObject([{ event: { payload: { cost_usd: null } } }, { event: { payload: { cost_usd: null } } }])
})

describe('whatever an agent says', () => {
  const word = fc.constantFrom('a', 'b', 'one', '', '/etc/passwd')
  const status = fc.constantFrom('pending', 'in_progress', 'completed', 'failed', 'odd', 7)
  const content = fc.constantFrom(
    [],
    [{ type: 'content', content: { type: 'text', text: 'out' } }],
    [{ type: 'diff', path: 'x', oldText: null, newText: 'y' }],
    [{ type: 'diff', path: 'x' }, 5, null],
    'no list',
  )
  const tool = fc.record(
    {
      toolCallId: word,
      title: fc.oneof(word, fc.integer()),
      kind: fc.constantFrom('edit', 'execute', 'switch_mode', 3),
      status,
      content,
      rawInput: fc.jsonValue(),
    },
    { requiredKeys: ['toolCallId'] },
  )
  const update = fc.oneof(
    tool.map((fields) => ({ sessionUpdate: 'tool_call', ...fields })),
    tool.map((fields) => ({ sessionUpdate: 'tool_call_update', ...fields })),
    word.map((text) => ({ sessionUpdate: 'agent_message_chunk', content: { type: 'text', text } })),
    word.map((text) => ({ sessionUpdate: 'agent_thought_chunk', content: { type: 'text', text } })),
    fc.record({
      sessionUpdate: fc.constantFrom('plan', 'usage_update', 'odd'),
      entries: fc.jsonValue(),
      used: fc.jsonValue(),
      size: fc.jsonValue(),
    }),
    fc.jsonValue(),
  )
  const options = fc.constantFrom(
    [
      { optionId: 'y', kind: 'allow_once', name: '' },
      { optionId: 'n', kind: 'reject_once', name: '' },
    ],
    [{ optionId: 'y', kind: 'allow_always' }],
    7,
  )
  const message: fc.Arbitrary<Incoming> = fc.oneof(
    update.map((one): Incoming => ({ kind: 'notification', method: 'session/update', params: { sessionId: 's', update: one } })),
    fc
      .record({ toolCall: fc.oneof(tool, fc.jsonValue()), options })
      .chain((params) => fc.nat(5).map((id): Incoming => ({ kind: 'request', id, method: 'session/request_permission', params }))),
    fc.jsonValue().map((params): Incoming => ({ kind: 'request', id: 'e', method: 'elicitation/create', params })),
    fc.tuple(fc.string(), fc.jsonValue()).map(([method, params]): Incoming => ({ kind: 'notification', method, params })),
    fc.string().map((line): Incoming => ({ kind: 'invalid', reason: 'odd', line })),
  )
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 6, arbitrary: message.map((one): Step => ({ kind: 'message', message: one })) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('answer' as const), request: fc.nat(5), approved: fc.boolean() }) },
    { weight: 1, arbitrary: fc.constant<Step>({ kind: 'begin' }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('end' as const),
        result: fc.constantFrom({}, { stopReason: 'cancelled' }, { usage: { inputTokens: 1 } }),
      }),
    },
  )
  const start = createAcpState({ sessionId: 's', cwd: '/workspace', costBefore: 0 })

  test('makes events that fit the wire, and never fails', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        for (const one of replay(start, steps).seen) {
          if (one.kind === 'event') expect(payloads[one.event.type].safeParse(one.event.payload).error).toBeUndefined()
        }
      }),
    )
  })

  test('completes only calls that began, and each of them once', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const running = new Set<string>()
        let state = start
        for (const one of steps) {
          const before = state
          const [next, observations] = take(state, one)
          state = next
          // The driver says so itself when it has answered.
          if (one.kind === 'answer') {
            const id = findLayered(before.calls, before.requests.get(one.request) ?? '')
            if (id !== undefined && findLayered(state.calls, before.requests.get(one.request) ?? '')?.phase === 'running')
              running.add(id.id)
          }
          for (const seen of observations) {
            if (seen.kind === 'call.started') running.add(seen.id)
            if (seen.kind === 'call.asked') running.delete(seen.call.id)
            if (seen.kind === 'call.completed') expect(running.delete(seen.id)).toBe(true)
          }
        }
      }),
    )
  })
})
