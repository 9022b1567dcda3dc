import * as fc from 'fast-check'
import type { Event, EventType } from '../event.ts'

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
const snapshot = { permission_mode: 'ask', decision: 'allow', sources: ['person'] }
const error = { code: 'agent_error', message: 'm', retryable: false }

/** An event of a conversation, before it has its place in a log. */
export interface Line {
  readonly type: EventType
  readonly task?: string | undefined
  readonly payload: unknown
}

/** Events as the daemon would number them, from `first` on. */
export function toLog(lines: readonly Line[], first = 1): readonly Event[] {
  return lines.map(
    ({ type, task, payload }, index) =>
      ({
        schema_version: 1,
        seq: first + index,
        time: new Date(index).toISOString(),
        type,
        trace: { session_id: 's', ...(task === undefined ? {} : { task_id: task }) },
        runtime: { name: 'r', model: 'm' },
        payload,
      }) as Event,
  )
}

const text = fc.constantFrom('', 'one ', 'two ')
const id = fc.constantFrom('x', 'y')
const call = fc.record({ tool_call_id: id, attempt: fc.constantFrom(1, 2), input_hash: fc.constant('h') })
const message = fc.record({
  role: fc.constantFrom('system', 'user', 'assistant', 'tool'),
  content: fc.oneof(
    text,
    fc.constant([{ type: 'tool_use', id: 'x', name: 'n', input: null }]),
    fc.constant([{ type: 'image', media_type: 'image/png', data: '' }]),
  ),
})
const userMessage = message.map((one) => ({ ...one, role: 'user' }))
const block = fc.oneof(
  fc.record({ type: fc.constantFrom('text', 'reasoning'), text }),
  fc.record({ type: fc.constant('code'), code: text }),
  fc.constant({ type: 'artifact_ref', artifact_id: 'a' }),
)
const decision = call.map((one) => ({ ...one, decided_by: 'user', policy_snapshot: snapshot }))

/** Payloads of what a transcript is made of, and of something else. */
const payloads: Readonly<Partial<Record<EventType, fc.Arbitrary<unknown>>>> = {
  'task.started': fc.record({ messages: fc.array(message, { minLength: 1, maxLength: 3 }) }),
  'task.steered': fc.record({ messages: fc.array(userMessage, { minLength: 1, maxLength: 2 }), steered_by: fc.constant('other') }),
  'session.context_restored': fc.constant({
    source: 'transcript',
    messages_carried: 1,
    messages_omitted: 0,
    characters: 1,
    truncated: false,
  }),
  'model.output.delta': fc.record({
    kind: fc.constantFrom('text_delta', 'reasoning_delta', 'code_delta', 'json_delta', 'unknown_delta'),
    block_id: id,
    delta: text,
  }),
  'model.output.discarded': fc.record({ block_id: id }),
  'model.output.completed': fc.record(
    { block_id: id, content: fc.array(block, { maxLength: 2 }), partial: fc.constant(true) },
    { requiredKeys: ['content'] },
  ),
  'question.asked': fc.record({ question_id: id, title: fc.constant('q'), schema: fc.constant({}) }),
  'question.answered': fc.record({ question_id: id, outcome: fc.constant('accept'), answered_by: fc.constant('user') }),
  'tool.call.requested': call.map((one) => ({ ...one, name: 'shell', kind: 'execute', title: 'ls', input: {} })),
  'tool.call.policy_evaluated': call.map((one) => ({ ...one, source: 'codesdk', result: 'ask', rule: 'r' })),
  'tool.call.approved': decision,
  'tool.call.denied': decision,
  'tool.call.started': call.map((one) => ({ ...one, executed_by: 'runtime' })),
  'tool.output.delta': call.map((one) => ({ ...one, stream: 'stdout', delta: 'x' })),
  'tool.output.completed': call.map((one) => ({ ...one, result_preview: 'x', truncated: false })),
  'tool.call.completed': call.map((one) => ({
    ...one,
    name: 'shell',
    executed_by: 'runtime',
    execution_env: 'sandbox',
    policy_snapshot: snapshot,
    result_preview: 'x',
    is_error: false,
    duration_ms: 1,
  })),
  'usage.reported': fc.constant({ input_tokens: 1, output_tokens: 1, scope: 'call' }),
  'session.updated': fc.constant({ changed: {} }),
  'task.completed': fc.constant({ reason: 'end_turn', receipt }),
  'task.failed': fc.constant({ reason: 'error', error, receipt }),
  'task.stopped': fc.constant({ reason: 'stopped_by_user', receipt }),
}

const task = fc.constantFrom('a', 'b', 'c', undefined)
const line: fc.Arbitrary<Line> = fc.oneof(
  ...Object.entries(payloads).map(([type, payload]) => fc.record({ type: fc.constant(type as EventType), task, payload })),
)

/** Any valid events in any order, several tasks at once included: more than a daemon would ever write. */
export const anyLines: fc.Arbitrary<readonly Line[]> = fc
  .array(fc.oneof({ weight: 3, arbitrary: line.map((one) => ({ ...one, task: 'a' })) }, line), { maxLength: 60 })
  .map((lines) => [{ type: 'task.started', task: 'a', payload: { messages: [{ role: 'user', content: 'go' }] } }, ...lines])

/** Tasks one after the other, as a daemon runs them. */
export const anyTasks: fc.Arbitrary<readonly (readonly Line[])[]> = fc
  .array(
    fc.array(
      line.filter(({ type }) => !type.startsWith('task.')),
      { maxLength: 30 },
    ),
    { minLength: 1, maxLength: 4 },
  )
  .map((tasks) =>
    tasks.map((lines, index) => {
      const name = `t${index}`
      const start: Line = { type: 'task.started', payload: { messages: [{ role: 'user', content: `go ${index}` }] } }
      const end: Line = { type: 'task.completed', payload: { reason: 'end_turn', receipt } }
      return [start, ...lines, end].map((one) => ({ ...one, task: name }))
    }),
  )
