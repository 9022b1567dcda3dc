import { findCall, pendingCalls } from '@codesdkd/protocol'
import { describe, expect, test } from 'vitest'
import { bound, storeNothing } from './bounds.ts'
import { evaluate, observe, request } from './decide.ts'
import { decideByPerson } from './decision.ts'
import { DENIAL_LIMIT } from './denials.ts'
import { toNetworkCall } from './network-answers.ts'
import type { CallResult } from './task-host.ts'
import { Bench, shell, toDenial } from './testing/bench.ts'

describe('what the wall refuses', () => {
  const completedOf = (bench: Bench) => bench.events.flatMap((event) => (event.type === 'tool.call.completed' ? [event.payload] : []))
  const noticesOf = (bench: Bench) => bench.events.flatMap((event) => (event.type === 'runtime.notice' ? [event.payload] : []))
  const run = (bench: Bench, id: string, call = shell) =>
    bench.add(observe(bench.state, 't', { kind: 'call.unasked', call: { ...call, id }, rule: 'sandbox' }, bench.inputs))
  const complete = (bench: Bench, id: string, changes: Partial<CallResult> = {}) => {
    const whole: CallResult = { output: '', isError: true, durationMs: null, executionEnv: 'host', ...changes }
    for (const one of bound({ kind: 'call.completed', id, result: whole }, storeNothing))
      bench.add(observe(bench.state, 't', one, bench.inputs))
  }
  const erofs = "touch: cannot touch '/etc/x': Read-only file system"
  const file = { kind: 'file', target: '/etc/x', reason: 'read-only in the sandbox', source: 'output' }

  test('is told with every call that ran then, once for each target, and with no other', () => {
    const bench = new Bench()
    run(bench, 'a')
    run(bench, 'b')
    bench.refuse(toDenial('one.example'))
    bench.refuse(toDenial('one.example'))
    complete(bench, 'a')
    run(bench, 'c')
    bench.refuse(toDenial('two.example'))
    complete(bench, 'b')
    complete(bench, 'c')
    expect(completedOf(bench).map((call) => call.confinement_denials?.map(({ target }) => target))).toEqual([
      ['one.example:443'],
      ['one.example:443', 'two.example:443'],
      ['two.example:443'],
    ])
    expect(noticesOf(bench)).toEqual([])
  })

  test('is told by itself where nothing runs, each target once', () => {
    const bench = new Bench()
    for (const host of ['one.example', 'one.example', 'two.example']) bench.refuse(toDenial(host))
    expect(noticesOf(bench)).toEqual([
      {
        level: 'info',
        kind: 'confinement_denied',
        message: 'The sandbox refused a connection to one.example:443: not allowed',
        data: toDenial('one.example'),
      },
      expect.objectContaining({ data: toDenial('two.example') }),
    ])
  })

  test('is told with the call that ends next where nothing is known to run, and then with no other and not by itself', () => {
    const bench = new Bench()
    const { refusals } = bench.inputs
    const denial = toDenial('one.example')
    expect(refusals.keep(bench.task, denial)).toBe(false)
    expect(refusals.keep(bench.task, toDenial('one.example'))).toBe(true)
    run(bench, 'a')
    complete(bench, 'a')
    run(bench, 'b')
    expect(refusals.settle(bench.task, denial)).toBe(false)
    complete(bench, 'b')
    expect(completedOf(bench).map((call) => call.confinement_denials)).toEqual([[denial], undefined])
  })

  test('is told with the call that runs when nothing has ended for a while', () => {
    const bench = new Bench()
    const { refusals } = bench.inputs
    const denial = toDenial('one.example')
    refusals.keep(bench.task, denial)
    run(bench, 'a')
    expect(refusals.settle(bench.task, denial)).toBe(false)
    complete(bench, 'a')
    expect(completedOf(bench)).toMatchObject([{ confinement_denials: [denial] }])
  })

  test('is told with a call that the end of its task cuts off', () => {
    const bench = new Bench()
    run(bench, 'a')
    bench.refuse(toDenial('one.example'))
    bench.end()
    expect(completedOf(bench)).toMatchObject([{ is_error: true, confinement_denials: [toDenial('one.example')] }])
  })

  test('is no matter of the connection that the gate itself asked for', () => {
    const bench = new Bench()
    const asked = request(bench.state, 't', toNetworkCall('gate-1', { host: 'one.example', port: 443 }), bench.inputs)
    if (asked === null) throw new Error('the task is open')
    bench.add(asked.events)
    bench.add(evaluate(bench.state, 't', asked.call, { result: 'allow', rule: 'test' }, bench.inputs, null))
    bench.refuse(toDenial('two.example'))
    expect(noticesOf(bench)).toHaveLength(1)
  })

  test.each([
    ['execute', false, [file]],
    ['execute', true, [file]],
    ['edit', true, [file]],
    ['edit', false, undefined],
    ['other', true, [file]],
    ['read', true, undefined],
    ['fetch', true, undefined],
  ] as const)('is read from the output of a call of kind %s (failed: %j)', (kind, isError, denials) => {
    const bench = new Bench()
    run(bench, 'a', { ...shell, kind })
    complete(bench, 'a', { output: erofs, isError })
    expect(completedOf(bench)[0]?.confinement_denials).toEqual(denials)
  })

  test('is read from all of the output, also from what the preview leaves out', () => {
    const bench = new Bench()
    run(bench, 'a')
    complete(bench, 'a', { output: `${'x\n'.repeat(100_000)}${erofs}` })
    expect(completedOf(bench)).toMatchObject([{ confinement_denials: [file], execution_env: 'sandbox' }])
  })

  test('is not looked for without a wall, and the agent is believed about where it ran', () => {
    const bench = new Bench({ walled: false })
    run(bench, 'a')
    complete(bench, 'a', { output: erofs })
    expect(completedOf(bench)[0]).toMatchObject({ execution_env: 'host' })
    expect(completedOf(bench)[0]).not.toHaveProperty('confinement_denials')
  })

  test(`is cut at ${DENIAL_LIMIT} for each call`, () => {
    const bench = new Bench()
    run(bench, 'a')
    for (let index = 0; index < 2 * DENIAL_LIMIT; index += 1) bench.refuse(toDenial(`host-${index}.example`))
    complete(bench, 'a', { output: erofs })
    expect(completedOf(bench)[0]?.confinement_denials).toHaveLength(DENIAL_LIMIT)
  })
})

describe('the decision about a connection', () => {
  const asked = (native = toNetworkCall('gate-1', { host: 'one.example', port: 443 })) => {
    const bench = new Bench()
    const made = request(bench.state, 't', native, bench.inputs)
    if (made === null) throw new Error('the task is open')
    bench.add(made.events)
    bench.add(evaluate(bench.state, 't', made.call, { result: 'ask', rule: 'ask_effects' }, bench.inputs, null))
    const call = findCall(bench.task, made.call.tool_call_id)
    if (call === undefined) throw new Error('no such call')
    return { bench, call, wish: { attempt: 1, input_hash: call.input_hash } }
  }

  test.each(['approved', 'denied'] as const)('%s: says in the log for how long it counts', (decision) => {
    const { bench, call, wish } = asked()
    bench.add(decideByPerson(bench.task, call, { ...wish, decision, remember: 'session' }, bench.inputs))
    expect(bench.events.at(-1)).toMatchObject({ type: `tool.call.${decision}`, payload: { remember: 'session' } })
    expect(findCall(bench.task, call.tool_call_id)).toMatchObject({ phase: decision, remember: 'session' })
  })

  test('is asked for as a call of its own kind', () => {
    const { bench } = asked()
    expect(pendingCalls(bench.state)[0]?.call.call).toEqual({
      name: 'network',
      kind: 'fetch',
      title: 'Connect to one.example:443',
      input: { host: 'one.example', port: 443 },
      gate: 'network',
    })
  })

  test('alone can be remembered: a tool of the agent that has the same name cannot', () => {
    const { gate: _gate, ...tool } = toNetworkCall('a', { host: 'one.example', port: 443 })
    const { bench, call, wish } = asked(tool)
    expect(() => decideByPerson(bench.task, call, { ...wish, decision: 'approved', remember: 'task' }, bench.inputs)).toThrow(
      expect.objectContaining({ code: 'invalid_request', members: { field: 'remember' } }),
    )
  })
})
