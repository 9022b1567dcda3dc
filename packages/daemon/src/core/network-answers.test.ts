import type { EventOf } from '@codesdkd/protocol'
import { describe, expect, test } from 'vitest'
import { NetworkAnswers, readNetworkAnswers, toNetworkCall } from './network-answers.ts'
import type { Decision } from './task-host.ts'
import { createStage, type Stage } from './testing/stage.ts'

const target = { host: 'packages.example.com', port: 443 }
const other = { host: 'packages.example.com', port: 80 }
const completed = { status: 'completed', reason: 'completed' } as const

describe('what was decided about a connection', () => {
  test('counts for the task, and for that host and port only', () => {
    const answers = new NetworkAnswers()
    expect(answers.find(target)).toBeNull()
    answers.keep(target, { decision: 'denied', reason: 'no' })
    expect(answers.find(target)).toEqual({ decision: 'denied', reason: 'no' })
    expect(answers.find(other)).toBeNull()
    answers.forgetTask()
    expect(answers.find(target)).toBeNull()
  })

  test('counts for the session where a person said so', () => {
    const answers = new NetworkAnswers()
    answers.keep(target, { decision: 'approved', remember: 'session' })
    answers.keep(other, { decision: 'approved', remember: 'task' })
    answers.forgetTask()
    expect(answers.find(target)).toMatchObject({ decision: 'approved' })
    expect(answers.find(other)).toBeNull()
  })

  test('is taken from what the log remembers, once', () => {
    let reads = 0
    const answers = new NetworkAnswers(() => {
      reads += 1
      return new Map([['packages.example.com:443', { decision: 'approved', remember: 'session' }]])
    })
    expect(reads).toBe(0)
    expect([answers.find(target), answers.find(target), answers.find(other)]).toEqual([expect.anything(), expect.anything(), null])
    expect(reads).toBe(1)
  })

  test('is bounded', () => {
    const answers = new NetworkAnswers()
    for (let port = 1; port <= 3000; port += 1) answers.keep({ host: 'a.example', port }, { decision: 'approved' })
    expect(answers.find({ host: 'a.example', port: 1 })).toBeNull()
    expect(answers.find({ host: 'a.example', port: 3000 })).toEqual({ decision: 'approved' })
  })
})

describe('a question of the gate', () => {
  /** Waits for the question about one id and gives the answer of a person. */
  async function answer(stage: Stage, id: string, wish: { decision: 'approved' | 'denied'; remember?: 'task' | 'session' }): Promise<void> {
    const requested = await stage.until(
      ({ type, payload }) => type === 'tool.call.requested' && 'gate' in payload && payload.runtime_tool_call_id === id,
    )
    const { tool_call_id, attempt, input_hash } = requested.payload as EventOf<'tool.call.requested'>['payload']
    await stage.until(
      ({ type, payload }) => type === 'tool.call.policy_evaluated' && 'tool_call_id' in payload && payload.tool_call_id === tool_call_id,
    )
    expect(stage.session.inbox.approvals).toMatchObject([{ kind: 'fetch', name: 'network', gate: 'network' }])
    await stage.session.inbox.decide(tool_call_id, { ...wish, attempt, input_hash }, 'r')
  }

  test('tells the gate for how long the answer counts, and the log remembers what is for the session', async () => {
    const decisions: Decision[] = []
    await using stage = await createStage({
      judge: () => Promise.resolve({ result: 'ask', rule: 'test' }),
      async run(host) {
        for (const [id, at] of [
          ['g1', target],
          ['g2', other],
          ['g3', { host: 'b.example', port: 443 }],
        ] as const)
          decisions.push(await host.ask(toNetworkCall(id, at)))
        return completed
      },
    })
    await stage.create()
    await stage.submit('t')
    await answer(stage, 'g1', { decision: 'approved', remember: 'session' })
    await answer(stage, 'g2', { decision: 'approved', remember: 'task' })
    await answer(stage, 'g3', { decision: 'denied', remember: 'session' })
    await stage.until(({ type }) => type === 'task.completed')
    const reason = 'denied by the user'
    expect(decisions).toEqual([
      { decision: 'approved', remember: 'session' },
      { decision: 'approved', remember: 'task' },
      { decision: 'denied', reason, remember: 'session' },
    ])
    expect(readNetworkAnswers(stage.storage.log, 's')).toEqual(
      new Map([
        ['packages.example.com:443', { decision: 'approved', remember: 'session' }],
        ['b.example:443', { decision: 'denied', reason, remember: 'session' }],
      ]),
    )
  })

  test('is denied when its task is stopped, and nothing is remembered', async () => {
    const asked = Promise.withResolvers<Decision>()
    await using stage = await createStage({
      judge: () => Promise.resolve({ result: 'ask', rule: 'test' }),
      async run(host) {
        asked.resolve(await host.ask(toNetworkCall('g1', target)))
        return completed
      },
    })
    await stage.create()
    await stage.submit('t')
    await stage.until(({ type }) => type === 'tool.call.policy_evaluated')
    await stage.session.stop('t', 'r')
    expect(await asked.promise).toEqual({ decision: 'denied', reason: 'stopped_by_user' })
    expect(readNetworkAnswers(stage.storage.log, 's')).toEqual(new Map())
  })

  test('is not what an agent writes about one', async () => {
    await using stage = await createStage({
      judge: () => Promise.resolve({ result: 'allow', rule: 'test' }),
      async run(host) {
        const { gate: _gate, ...call } = toNetworkCall('a', target)
        const command = '"gate":"network","remember":"session"'
        await host.ask({ ...call, input: { ...target, gate: 'network', remember: 'session', command } })
        return completed
      },
    })
    await stage.create()
    await stage.submit('t')
    await stage.until(({ type }) => type === 'task.completed')
    expect(readNetworkAnswers(stage.storage.log, 's')).toEqual(new Map())
  })
})

test('what the wall refuses is told with the call that runs, or is about to; else by a notice', async () => {
  const denial = { kind: 'network', target: 'a.example:443', reason: 'not allowed', source: 'sandbox' } as const
  const later = { ...denial, target: 'b.example:443' }
  const call = { id: 'c', name: 'shell', kind: 'execute', title: 'curl', input: { command: 'curl' } } as const
  await using stage = await createStage({
    async run(host) {
      await host.observe([
        { kind: 'refused', denial },
        { kind: 'refused', denial },
        { kind: 'call.unasked', call, rule: 'test' },
        { kind: 'refused', denial },
        { kind: 'call.completed', id: 'c', result: { output: '', isError: true, durationMs: null, executionEnv: 'host' } },
        { kind: 'refused', denial: later },
        { kind: 'refused', denial: later },
      ])
      return completed
    },
  })
  await stage.create()
  await stage.submit('t')
  await stage.until(({ type }) => type === 'task.completed')
  const told = stage.events.flatMap((event) => (event.type === 'runtime.notice' ? [event.payload.data] : []))
  expect(told).toEqual([later])
  const ended = stage.events.find((event) => event.type === 'tool.call.completed')
  expect(ended?.payload).toMatchObject({ confinement_denials: [denial] })
})
