import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { emptyState, evolve, findCall, isTerminal, pendingCalls, sessionPhase, type Event } from '@codesdkd/protocol'
import { denyPending, evaluate, observe, PENDING_LIMIT, request } from './decide.ts'
import { checkDecision, decideByPerson } from './decision.ts'
import { Bench, shell, toDenial } from './testing/bench.ts'

const result = { preview: 'out', truncated: false, isError: false, exitCode: 0, durationMs: 1, executionEnv: 'sandbox' } as const
const nativeId = fc.constantFrom('a', 'b', 'c')

type Step = (bench: Bench) => void
const step: fc.Arbitrary<Step> = fc.oneof(
  nativeId.map(
    (id): Step =>
      (b) =>
        b.add(request(b.state, 't', { ...shell, id }, b.inputs)?.events ?? []),
  ),
  nativeId.map(
    (id): Step =>
      (b) =>
        b.add(observe(b.state, 't', { kind: 'call.unasked', call: { ...shell, id }, rule: 'sandbox' }, b.inputs)),
  ),
  nativeId.map(
    (id): Step =>
      (b) =>
        b.add(observe(b.state, 't', { kind: 'call.started', id }, b.inputs)),
  ),
  nativeId.map(
    (id): Step =>
      (b) =>
        b.add(observe(b.state, 't', { kind: 'call.completed', id, result }, b.inputs)),
  ),
  nativeId.map(
    (id): Step =>
      (b) =>
        b.add(observe(b.state, 't', { kind: 'call.output', id, stream: 'stdout', delta: 'x' }, b.inputs)),
  ),
  fc.constantFrom('allow', 'deny', 'ask').chain((verdict) =>
    fc.nat(5).map((at): Step => (b) => {
      const call = [...b.task.calls.values()][at]
      if (call !== undefined) b.add(evaluate(b.state, 't', call, { result: verdict, rule: 'rule' }, b.inputs, null))
    }),
  ),
  fc.constantFrom('approved', 'denied').chain((decision) =>
    fc.nat(5).map((at): Step => (b) => {
      const call = pendingCalls(b.state)[at]?.call
      if (call !== undefined)
        b.add(decideByPerson(b.task, call, { decision, attempt: call.attempt, input_hash: call.input_hash }, b.inputs))
    }),
  ),
  fc.constant<Step>((b) => b.add(b.task.status === 'running' ? denyPending(b.task, 'stopped_by_user', b.inputs) : [])),
  fc.constant<Step>((b) =>
    b.add(
      observe(
        b.state,
        't',
        { kind: 'event', event: { type: 'model.output.delta', payload: { kind: 'text_delta', block_id: 'm', delta: 'hi' } } },
        b.inputs,
      ),
    ),
  ),
  fc.string().map(
    (host): Step =>
      (b) =>
        b.refuse(toDenial(host)),
  ),
  fc.constant<Step>((b) => b.end()),
)

describe('any interleaving of what agents, policy, people and the daemon do', () => {
  const histories = fc.array(step, { maxLength: 60 }).map((steps) => {
    const bench = new Bench()
    for (const one of steps) one(bench)
    bench.end()
    return bench
  })

  test('leaves exactly one terminal event per task, and it is the last', () => {
    fc.assert(
      fc.property(histories, ({ events }) => {
        expect(events.filter((event) => isTerminal(event.type))).toHaveLength(1)
        expect(isTerminal(events.at(-1)?.type ?? '')).toBe(true)
      }),
    )
  })

  test('decides every attempt of every call exactly once, in the promised order', () => {
    fc.assert(
      fc.property(histories, ({ events }) => {
        const attempts = Map.groupBy(
          events.filter((event) => event.type.startsWith('tool.call.')),
          (event) => `${(event.payload as { tool_call_id: string }).tool_call_id} ${(event.payload as { attempt: number }).attempt}`,
        )
        for (const [, calls] of attempts) {
          const types = calls.map((event) => event.type.replace('tool.call.', '')).join(' ')
          expect(types).toMatch(/^requested( policy_evaluated)*( denied| approved( started)? completed)$/)
        }
      }),
    )
  })

  test('numbers events without a gap, and the fold of the stored bytes is the live state', () => {
    fc.assert(
      fc.property(histories, ({ events, state }) => {
        expect(events.map((event) => event.seq)).toEqual(events.map((_, index) => index + 1))
        expect(events.reduce((folded, event) => evolve(folded, JSON.parse(JSON.stringify(event)) as Event), emptyState('s'))).toEqual(state)
      }),
    )
  })

  test('leaves nothing open', () => {
    fc.assert(
      fc.property(histories, ({ state }) => {
        expect(sessionPhase(state)).toBe('idle')
        expect(pendingCalls(state)).toEqual([])
        for (const task of state.tasks.values()) {
          expect(task.calls.size).toBe(0)
          expect(task.blocks.size).toBe(0)
        }
      }),
    )
  })
})

test.each([2 ** 53, 1.5, Number.NaN])('an exit code %d is none that a program has: it is not known', (exitCode) => {
  const bench = new Bench()
  bench.add(observe(bench.state, 't', { kind: 'call.unasked', call: { ...shell, id: 'a' }, rule: 'sandbox' }, bench.inputs))
  bench.add(observe(bench.state, 't', { kind: 'call.completed', id: 'a', result: { ...result, exitCode } }, bench.inputs))
  expect(bench.events.at(-1)).toMatchObject({ type: 'tool.call.completed', payload: { exit_code: null } })
})

describe('a decision by a person', () => {
  const asked = () => {
    const bench = new Bench()
    const made = request(bench.state, 't', { ...shell, id: 'a' }, bench.inputs)
    if (made === null) throw new Error('the task is open')
    bench.add(made.events)
    bench.add(evaluate(bench.state, 't', made.call, { result: 'ask', rule: 'ask_effects' }, bench.inputs, null))
    return { bench, call: made.call }
  }
  const find = (bench: Bench, id: string) => {
    const call = findCall(bench.task, id)
    if (call === undefined) throw new Error('no such call')
    return call
  }

  test('is bound to the attempt and the hash', () => {
    const { bench, call } = asked()
    const pending = find(bench, call.tool_call_id)
    const decide = (attempt: number, input_hash: string) => () =>
      decideByPerson(bench.task, pending, { decision: 'approved', attempt, input_hash }, bench.inputs)
    expect(decide(2, call.input_hash)).toThrow(expect.objectContaining({ code: 'attempt_mismatch' }))
    expect(decide(1, 'sha256:0')).toThrow(expect.objectContaining({ code: 'input_hash_mismatch' }))
    expect(decide(1, call.input_hash)()).toHaveLength(2)
  })

  test('stands: the same again changes nothing, another is refused with the one that stands', () => {
    const { bench, call } = asked()
    const wish = { attempt: 1, input_hash: call.input_hash }
    bench.add(decideByPerson(bench.task, find(bench, call.tool_call_id), { ...wish, decision: 'denied', reason: 'no' }, bench.inputs))
    const decided = find(bench, call.tool_call_id)
    expect(decideByPerson(bench.task, decided, { ...wish, decision: 'denied' }, bench.inputs)).toEqual([])
    expect(() => decideByPerson(bench.task, decided, { ...wish, decision: 'approved' }, bench.inputs)).toThrow(
      expect.objectContaining({ code: 'already_decided', members: { decision: 'denied', decided_by: 'user' } }),
    )
  })

  test('cannot be given to a call that was never put to a person', () => {
    expect(() => checkDecision(null, { decision: 'approved', attempt: 1, input_hash: 'x' })).toThrow(
      expect.objectContaining({ code: 'tool_call_not_pending' }),
    )
    const bench = new Bench()
    bench.add(observe(bench.state, 't', { kind: 'call.unasked', call: { ...shell, id: 'a' }, rule: 'sandbox' }, bench.inputs))
    const [call] = bench.task.calls.values()
    if (call === undefined) throw new Error('no call')
    expect(() => decideByPerson(bench.task, call, { decision: 'denied', attempt: 1, input_hash: call.input_hash }, bench.inputs)).toThrow(
      expect.objectContaining({ code: 'tool_call_not_pending' }),
    )
  })

  test('of one attempt does not reach the next: the native call that asks again has attempt 2', () => {
    const { bench, call } = asked()
    const again = request(bench.state, 't', { ...shell, id: 'a' }, bench.inputs)
    expect(again?.call).toEqual({ ...call, attempt: 2 })
    bench.add(again?.events ?? [])
    expect(bench.events.map((event) => event.type)).toContain('tool.call.denied')
    expect(() =>
      decideByPerson(
        bench.task,
        find(bench, call.tool_call_id),
        { decision: 'approved', attempt: 1, input_hash: call.input_hash },
        bench.inputs,
      ),
    ).toThrow()
  })

  test(`is not asked for when ${PENDING_LIMIT} calls wait already`, () => {
    const bench = new Bench()
    for (let index = 0; index <= PENDING_LIMIT; index += 1) {
      const made = request(bench.state, 't', { ...shell, id: `n${index}` }, bench.inputs)
      if (made === null) throw new Error('the task is open')
      bench.add(made.events)
      bench.add(evaluate(bench.state, 't', made.call, { result: 'ask', rule: 'ask_effects' }, bench.inputs, null))
    }
    expect(pendingCalls(bench.state)).toHaveLength(PENDING_LIMIT)
    expect(bench.events.at(-1)).toMatchObject({ type: 'tool.call.denied', payload: { decided_by: 'daemon', reason: 'too_many_pending' } })
  })
})
