import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Problem, type EventOf } from '@codesdkd/protocol'
import type { Decision, NativeCall } from './task-host.ts'
import { hesitant, replaced } from './testing/hesitant-log.ts'
import { createStage, type Stage } from './testing/stage.ts'

const call = (id: string, command = id): NativeCall => ({ id, name: 'shell', kind: 'execute', title: command, input: { command } })
const completed = { status: 'completed', reason: 'completed' } as const

async function asked(stage: Stage, attempt = 1): Promise<EventOf<'tool.call.policy_evaluated'>['payload']> {
  const event = await stage.until(
    ({ type, payload }) => type === 'tool.call.policy_evaluated' && 'attempt' in payload && payload.attempt === attempt,
  )
  return event.payload as EventOf<'tool.call.policy_evaluated'>['payload']
}

test('an approval that is not on disk yet is not acted on, whatever else is committed meanwhile', async () => {
  const disk = hesitant()
  const first = Promise.withResolvers<Decision>()
  const more = Promise.withResolvers<void>()
  await using stage = await createStage({
    log: (log) => disk.wrap(log),
    async run(host) {
      void host.ask(call('a')).then(first.resolve)
      await more.promise
      // The log of this one is committed before that of the approval.
      void host.ask(call('b'))
      await first.promise
      return completed
    },
  })
  await stage.create()
  await stage.submit('t')
  const { tool_call_id, attempt, input_hash } = await asked(stage)
  more.resolve()
  // b's request is queued before the approval, which the disk then holds back.
  const before = stage.session.journal.state.last_seq
  while (stage.session.journal.state.last_seq === before) await Promise.resolve()
  disk.hold = true
  const decided = stage.session.inbox.decide(tool_call_id, { decision: 'approved', attempt, input_hash }, 'r')
  let heard = false
  void first.promise.then(() => (heard = true))
  await stage.until((event) => event.type === 'tool.call.requested' && event.payload.title === 'b')
  for (let turn = 0; turn < 5; turn += 1) await nextTurn()
  const known = [heard, stage.events.some(({ type }) => type === 'tool.call.approved')]
  disk.release()
  expect(known).toEqual([false, false])
  await decided
  expect(await first.promise).toEqual({ decision: 'approved' })
})

test('an earlier attempt that policy is slow about does not take the place of the later one', async () => {
  const late = Promise.withResolvers<void>()
  const second = Promise.withResolvers<Decision>()
  const first = Promise.withResolvers<Decision>()
  await using stage = await createStage({
    judge: async ({ title }) => {
      if (title === 'slow') await late.promise
      return { result: 'ask', rule: 'test' }
    },
    async run(host) {
      void host.ask(call('a', 'slow')).then(first.resolve)
      void host.ask(call('a', 'quick')).then(second.resolve)
      await second.promise
      return completed
    },
  })
  await stage.create()
  await stage.submit('t')
  const { tool_call_id, attempt, input_hash } = await asked(stage, 2)
  late.resolve()
  expect(await first.promise).toMatchObject({ decision: 'denied' })
  await stage.session.inbox.decide(tool_call_id, { decision: 'approved', attempt, input_hash }, 'r')
  expect(await second.promise).toEqual({ decision: 'approved' })
})

test('a task ends even when what its agent was saying cannot be read back, and its agent may rest', async () => {
  let broken = false
  const disposed = Promise.withResolvers<void>()
  await using stage = await createStage({
    idleTimeoutMs: 1,
    dispose: () => Promise.resolve(disposed.resolve()),
    log: (log) =>
      replaced(log, 'read', (...asked) => {
        if (broken) throw new Error('the disk is gone')
        return log.read(...asked)
      }),
    async run(host) {
      const payload = { kind: 'text_delta', block_id: 'b', delta: 'half' } as const
      await host.observe([{ kind: 'event', event: { type: 'model.output.delta', payload } }])
      broken = true
      return completed
    },
  })
  await stage.create()
  await stage.submit('t')
  await stage.until((event) => event.type === 'task.completed')
  await disposed.promise
})

test('an agent that is on its way out is live until it is gone', async () => {
  const gone = Promise.withResolvers<void>()
  const ending = Promise.withResolvers<void>()
  await using stage = await createStage({
    idleTimeoutMs: 1,
    dispose: async () => {
      ending.resolve()
      await gone.promise
    },
    run: () => Promise.resolve(completed),
  })
  await stage.create()
  await stage.submit('t')
  await ending.promise
  const known = [stage.session.agentLive, stage.session.dormant]
  gone.resolve()
  expect(known).toEqual([true, false])
  await stage.session.close()
  expect([stage.session.agentLive, stage.session.dormant]).toEqual([false, true])
})

test('a result that the disk does not take at first is not lost: its task waits', async () => {
  const output = 'x'.repeat(20_000)
  let refusals = 2
  await using stage = await createStage({
    artifacts: (artifacts) =>
      replaced(artifacts, 'put', (...asked) => {
        if (asked[1] === output && refusals-- > 0) throw new Problem('storage_unavailable', 'the disk is full')
        return artifacts.put(...asked)
      }),
    async run(host) {
      await host.observe([{ kind: 'call.unasked', call: call('a'), rule: 'test' }])
      const result = { output, isError: false, exitCode: 0, durationMs: 1, executionEnv: 'sandbox' } as const
      await host.observe([{ kind: 'call.completed', id: 'a', result }])
      return completed
    },
  })
  await stage.create()
  await stage.submit('t')
  const { payload } = await stage.until(({ type }) => type === 'tool.call.completed')
  expect(refusals).toBeLessThan(0)
  const { result_ref = '', is_error } = payload as EventOf<'tool.call.completed'>['payload']
  expect(is_error).toBe(false)
  expect(new TextDecoder().decode(await stage.storage.artifacts.content(result_ref))).toBe(output)
  expect((await stage.until(({ type }) => type.startsWith('task.') && type !== 'task.started')).type).toBe('task.completed')
})

test('a secret that the agent says in two pieces is in no event, and the deltas are still the text', async () => {
  const secret = 'correct-horse-battery'
  await using stage = await createStage({
    secrets: [secret],
    async run(host) {
      const say = (delta: string) =>
        host.observe([{ kind: 'event', event: { type: 'model.output.delta', payload: { kind: 'text_delta', block_id: 'b', delta } } }])
      for (const part of ['it is correct-', 'horse-bat', 'tery, or corr', 'ect']) await say(part)
      return completed
    },
  })
  await stage.create()
  await stage.submit('t')
  await stage.until(({ type }) => type === 'task.completed')
  const deltas = stage.events.flatMap((event) => (event.type === 'model.output.delta' ? [event.payload.delta] : []))
  expect(JSON.stringify(stage.events)).not.toContain(secret)
  expect(deltas.join('')).toMatch(/^it is \[REDACTED:known:[0-9a-f]{6}\], or correct$/)
  const whole = stage.events.find((event) => event.type === 'model.output.completed')
  expect(whole?.payload).toMatchObject({ content: [{ text: deltas.join('') }], partial: true })
})
