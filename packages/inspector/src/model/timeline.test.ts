import type { Event, NewEvent } from '@codesdkd/protocol'
import { expect, test } from 'vitest'
import { createTimeline, type CallItem, type Item } from './timeline.ts'

const identity = { tool_call_id: 'call', attempt: 1, input_hash: 'sha256:0' }

function toEvents(events: readonly NewEvent[]): readonly Event[] {
  return events.map(({ type, payload, task_id = 'task' }, index) => ({
    schema_version: 1,
    seq: index + 1,
    time: '2026-01-01T00:00:00.000Z',
    trace: { session_id: 'session', task_id },
    runtime: { name: 'codex-sdk' },
    type,
    payload,
  })) as Event[]
}

function fold(...events: readonly NewEvent[]) {
  const timeline = createTimeline()
  for (const event of toEvents(events)) timeline.add(event)
  return timeline
}

const shapes = (items: readonly Item[]) => items.map((item) => (item.kind === 'output' ? `${item.form} ${item.text}` : item.kind))
const delta = (block_id: string, text: string, task_id = 'task'): NewEvent => ({
  type: 'model.output.delta',
  task_id,
  payload: { kind: 'text_delta', block_id, delta: text },
})

test('pieces of a block are one item, which its end replaces', () => {
  const { items } = fold(delta('b', 'Hel'), delta('c', 'other'), delta('b', 'o'), {
    type: 'model.output.completed',
    payload: { block_id: 'b', content: [{ type: 'text', text: 'Hello' }] },
  })
  expect(shapes(items)).toEqual(['text Hello', 'text other'])
})

test('the same name of a block in the next task is another block', () => {
  expect(shapes(fold(delta('b', 'one', 'first'), delta('b', 'two', 'second')).items)).toEqual(['text one', 'text two'])
})

test('what was discarded is gone, and what follows under its name stands below', () => {
  const { items } = fold(delta('b', 'void'), { type: 'model.output.discarded', payload: { block_id: 'b' } }, delta('b', 'new'))
  expect(shapes(items)).toEqual(['text ', 'text new'])
})

test('a call: asked for, waiting, denied with a reason', () => {
  const [call] = fold(
    { type: 'tool.call.requested', payload: { ...identity, name: 'shell', kind: 'execute', title: 'ls', input: { command: 'ls' } } },
    { type: 'tool.call.policy_evaluated', payload: { ...identity, source: 'codesdk', result: 'ask', rule: 'ask' } },
    {
      type: 'tool.call.denied',
      payload: {
        ...identity,
        decided_by: 'user',
        reason: 'no',
        policy_snapshot: { permission_mode: 'ask', decision: 'deny', sources: [] },
      },
    },
  ).items
  expect(call).toMatchObject({ kind: 'call', phase: 'denied', decision: { by: 'user', reason: 'no' } })
})

test('the output of a call as it is written, then whole, and its artifact named once', () => {
  const { items, artifacts } = fold(
    { type: 'tool.call.requested', payload: { ...identity, name: 'shell', kind: 'execute', title: 'ls', input: {} } },
    { type: 'tool.output.delta', payload: { ...identity, stream: 'stdout', delta: 'a' } },
    { type: 'tool.output.delta', payload: { ...identity, stream: 'stdout', delta: 'b' } },
    { type: 'tool.output.completed', payload: { ...identity, result_preview: 'ab…', result_ref: 'artifact', truncated: true } },
    {
      type: 'tool.call.completed',
      payload: {
        ...identity,
        name: 'shell',
        executed_by: 'runtime',
        execution_env: 'sandbox',
        policy_snapshot: { permission_mode: 'ask', decision: 'allow', sources: [] },
        result_preview: 'ab…',
        result_ref: 'artifact',
        is_error: false,
        exit_code: 0,
        duration_ms: 1,
      },
    },
    { type: 'file.changed', payload: { path: 'a', change: 'edit', tool_call_id: 'call' } },
  )
  expect(items).toHaveLength(1)
  expect(items[0]).toMatchObject({ phase: 'completed', output: 'ab…', outputRef: 'artifact', truncated: true, result: { exit_code: 0 } })
  expect((items[0] as CallItem).files).toMatchObject([{ path: 'a' }])
  expect(artifacts.map(({ artifactId }) => artifactId)).toEqual(['artifact'])
})
