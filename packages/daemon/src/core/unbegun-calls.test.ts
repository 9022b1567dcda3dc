import { expect, test } from 'vitest'
import type { Event } from '@codesdkd/protocol'
import { expectLawful } from '../../../../test/conformance/law.ts'
import type { Decision, NativeCall } from './task-host.ts'
import { createStage, type Stage } from './testing/stage.ts'

const call: NativeCall = { id: 'n', name: 'shell', kind: 'execute', title: 'ls', input: { command: 'ls' } }
const completed = { status: 'completed', reason: 'completed' } as const

async function approve(stage: Stage): Promise<void> {
  const { payload } = await stage.until(({ type }) => type === 'tool.call.policy_evaluated')
  if (!('attempt' in payload)) throw new Error('not about a call')
  const { tool_call_id, attempt, input_hash } = payload
  await stage.session.inbox.decide(tool_call_id, { decision: 'approved', attempt, input_hash }, 'r')
}

function shape(events: readonly Event[]): readonly string[] {
  return events.filter(({ type }) => /^(tool|task)\./.test(type)).map(({ type }) => type)
}

test('a call that was approved and that its agent never began has an end before its task has, and counts for no command that ran', async () => {
  const decided = Promise.withResolvers<Decision>()
  await using stage = await createStage({
    judge: () => Promise.resolve({ result: 'ask', rule: 'test' }),
    async run(host) {
      void host.ask(call).then(decided.resolve)
      await decided.promise
      return completed
    },
  })
  await stage.create()
  await stage.submit('t')
  await approve(stage)
  const end = await stage.until(({ type }) => type === 'task.completed')
  expect(shape(stage.events)).toEqual([
    'task.started',
    'tool.call.requested',
    'tool.call.policy_evaluated',
    'tool.call.policy_evaluated',
    'tool.call.approved',
    'tool.call.completed',
    'task.completed',
  ])
  const cut = stage.events.find(({ type }) => type === 'tool.call.completed')
  expect(cut?.payload).toMatchObject({ is_error: true, result_preview: 'never seen to begin; ended with the task: completed' })
  expect(end.payload).toMatchObject({ receipt: { commands: [], commands_total: 0, approvals: { approved: 1 } } })
  expectLawful(stage.events)
})

test('an attempt that was approved and never began ends where the next one begins', async () => {
  const second = Promise.withResolvers<Decision>()
  await using stage = await createStage({
    judge: () => Promise.resolve({ result: 'allow', rule: 'test' }),
    async run(host) {
      await host.ask(call)
      void host.ask(call).then(second.resolve)
      await second.promise
      await host.observe([
        { kind: 'call.started', id: 'n' },
        { kind: 'call.completed', id: 'n', result: { output: '', isError: false, durationMs: null, executionEnv: 'host' } },
      ])
      return completed
    },
  })
  await stage.create()
  await stage.submit('t')
  const end = await stage.until(({ type }) => type === 'task.completed')
  expect(
    stage.events.filter(({ type }) => type === 'tool.call.completed').map(({ payload }) => 'is_error' in payload && payload.is_error),
  ).toEqual([true, false])
  expect(end.payload).toMatchObject({ receipt: { commands_total: 1 } })
  expectLawful(stage.events)
})
