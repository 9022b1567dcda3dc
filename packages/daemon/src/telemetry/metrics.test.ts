import type { Event, EventType, Payload } from '@codesdkd/protocol'
import { describe, expect, it } from 'vitest'
import { createMetrics } from './metrics.ts'

const snapshot: Payload<'tool.call.approved'>['policy_snapshot'] = { permission_mode: 'ask', decision: 'ask', sources: [] }
const receipt: Payload<'task.completed'>['receipt'] = {
  files_changed: [],
  files_changed_total: 0,
  commands: [],
  commands_total: 0,
  approvals: { approved: 0, denied: 0, by_user: 0, by_policy: 0, by_runtime: 0, by_daemon: 0 },
  usage: { input_tokens: 100, output_tokens: 20, cached_input_tokens: null, reasoning_tokens: 7 },
  cost_usd: 0.25,
  time_ms: { total: 4000, model: 0, tool: 0, waiting_for_human: 0, queued: 0 },
}

/** Events of a session as the log tells them, a second apart. */
function createTeller(runtime = 'codex-sdk') {
  let seq = 0
  return <T extends EventType>(type: T, payload: Payload<T>, task_id = 't'): Event => {
    seq += 1
    const time = new Date(Date.UTC(2026, 10, 22) + seq * 1000).toISOString()
    return { schema_version: 1, seq, time, type, trace: { session_id: 's', task_id }, runtime: { name: runtime }, payload } as Event
  }
}

const call = (id: string) => ({ tool_call_id: id, attempt: 1, input_hash: 'sha256:0' })

function completed(id: string, name: string, changes: Partial<Payload<'tool.call.completed'>> = {}): Payload<'tool.call.completed'> {
  return {
    ...call(id),
    name,
    executed_by: 'runtime',
    execution_env: 'sandbox',
    policy_snapshot: snapshot,
    result_preview: '',
    is_error: false,
    duration_ms: 1500,
    ...changes,
  }
}

function observed(...events: readonly Event[]) {
  const metrics = createMetrics({ enabled: false, version: '1.2.3', runtimes: ['codex-sdk'] })
  for (const event of events) metrics.observe(event)
  return metrics
}

/** The samples, one per line. */
async function samplesOf(metrics: ReturnType<typeof createMetrics>): Promise<readonly string[]> {
  return (await metrics.render()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
}

const names = [
  'codesdk_active_tasks',
  'codesdk_active_sessions',
  'codesdk_task_queue_depth',
  'codesdk_tasks_started_total',
  'codesdk_tasks_finished_total',
  'codesdk_task_duration_seconds',
  'codesdk_tool_executions_total',
  'codesdk_tool_duration_seconds',
  'codesdk_backpressure_drops_total',
  'codesdk_approvals_pending',
  'codesdk_approval_wait_seconds',
  'codesdk_tokens_total',
  'codesdk_cost_usd_total',
  'codesdk_sse_clients',
  'codesdk_event_append_seconds',
  'codesdk_event_loop_lag_seconds',
  'codesdk_build_info',
  'codesdk_denied_total',
  'codesdk_sessions_deleted_total',
]

describe('metrics', () => {
  it('have exactly these names', async () => {
    const text = await createMetrics({ enabled: false, version: 'v', runtimes: [] }).render()
    expect(new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1]))).toEqual(new Set(names))
  })

  it('count tasks, tokens and cost once, when the task ends', async () => {
    const tell = createTeller()
    const usage = { input_tokens: 50, output_tokens: 10, scope: 'call' as const }
    const samples = await samplesOf(
      observed(
        tell('task.queued', { messages: [] }),
        tell('task.started', { messages: [] }),
        tell('usage.reported', usage),
        tell('usage.reported', usage),
        tell('task.completed', { reason: 'r', receipt }),
        tell('task.started', { messages: [] }, 'u'),
        tell('task.stopped', { reason: 'r', receipt: { ...receipt, usage: null, cost_usd: null } }, 'u'),
      ),
    )
    expect(samples).toEqual(
      expect.arrayContaining([
        'codesdk_tasks_started_total{runtime="codex-sdk"} 2',
        'codesdk_tasks_finished_total{runtime="codex-sdk",status="completed"} 1',
        'codesdk_tasks_finished_total{runtime="codex-sdk",status="stopped"} 1',
        'codesdk_tokens_total{runtime="codex-sdk",type="input"} 100',
        'codesdk_tokens_total{runtime="codex-sdk",type="output"} 20',
        'codesdk_tokens_total{runtime="codex-sdk",type="reasoning"} 7',
        'codesdk_cost_usd_total{runtime="codex-sdk"} 0.25',
        'codesdk_task_duration_seconds_sum 8',
        'codesdk_task_duration_seconds_count 2',
      ]),
    )
    expect(samples.join()).not.toContain('cached_input')
  })

  it('count tools by kind, and how long a person was waited for', async () => {
    const tell = createTeller()
    const samples = await samplesOf(
      observed(
        tell('tool.call.requested', { ...call('a'), name: 'shell', kind: 'execute', title: '', input: {} }),
        tell('tool.call.policy_evaluated', { ...call('a'), source: 'codesdk', result: 'ask', rule: 'ask_effects' }),
        tell('tool.call.policy_evaluated', { ...call('a'), source: 'user', result: 'allow', rule: 'person' }),
        tell('tool.call.approved', { ...call('a'), decided_by: 'user', policy_snapshot: snapshot }),
        tell('tool.call.completed', completed('a', 'shell')),
        tell('tool.call.requested', { ...call('b'), name: 'patch', kind: 'edit', title: '', input: {} }),
        tell('tool.call.approved', { ...call('b'), decided_by: 'policy', policy_snapshot: snapshot }),
        tell('tool.call.completed', completed('b', 'patch', { is_error: true, execution_env: 'host', duration_ms: null })),
      ),
    )
    expect(samples).toEqual(
      expect.arrayContaining([
        'codesdk_tool_executions_total{runtime="codex-sdk",tool="execute",status="ok",execution_env="sandbox"} 1',
        'codesdk_tool_executions_total{runtime="codex-sdk",tool="edit",status="error",execution_env="host"} 1',
        'codesdk_tool_duration_seconds_count 1',
        'codesdk_tool_duration_seconds_sum 1.5',
        'codesdk_approval_wait_seconds_count 1',
        'codesdk_approval_wait_seconds_sum 2',
      ]),
    )
  })

  it('have no label that an agent or a client chose', async () => {
    const evil = 'a"} 1\nevil_metric 2'
    const tell = createTeller(evil)
    const metrics = observed(
      tell('task.started', { messages: [] }, evil),
      tell('tool.call.requested', { ...call(evil), name: evil, kind: 'other', title: evil, input: evil }, evil),
      tell('tool.call.completed', completed(evil, evil), evil),
      tell('tool.call.completed', completed('never requested', evil), evil),
      tell('task.completed', { reason: evil, receipt }, evil),
    )
    const text = await metrics.render()
    expect(text).not.toContain('evil')
    expect(text).toContain('codesdk_tool_executions_total{runtime="other",tool="other",status="ok",execution_env="sandbox"} 2')
  })

  it('forget the calls of a task that ended', async () => {
    const tell = createTeller()
    const samples = await samplesOf(
      observed(
        tell('tool.call.requested', { ...call('a'), name: 'shell', kind: 'execute', title: '', input: {} }),
        tell('task.completed', { reason: 'r', receipt }),
        tell('tool.call.completed', completed('a', 'shell')),
      ),
    )
    expect(samples.join()).toContain('tool="other"')
  })

  it('read live counts at each scrape', async () => {
    const metrics = observed()
    const counts = { sessions_loaded: 3, tasks_running: 2, tasks_queued: 5, approvals_pending: 1, agents_live: 2 }
    metrics.gauges(() => counts)
    metrics.sseClients(4)
    metrics.appended(0.002)
    metrics.denied('sse_limit')
    metrics.denied('unauthorized')
    expect(await samplesOf(metrics)).toEqual(
      expect.arrayContaining([
        'codesdk_active_sessions 3',
        'codesdk_active_tasks 2',
        'codesdk_task_queue_depth 5',
        'codesdk_approvals_pending 1',
        'codesdk_sse_clients 4',
        'codesdk_event_append_seconds_count 1',
        'codesdk_backpressure_drops_total{reason="sse_limit"} 1',
        'codesdk_denied_total{reason="unauthorized"} 1',
        `codesdk_build_info{version="1.2.3",node="${process.versions.node}"} 1`,
      ]),
    )
    counts.tasks_running = 0
    expect(await samplesOf(metrics)).toContain('codesdk_active_tasks 0')
    expect((await samplesOf(metrics)).join()).not.toContain('drops_total{reason="unauthorized"}')
  })

  it('watch the event loop until they are disposed', async () => {
    using metrics = createMetrics({ enabled: true, version: 'v', runtimes: [] })
    const hold = () => {
      for (const begun = performance.now(); performance.now() - begun < 60;);
    }
    const lag = async () =>
      Number((await samplesOf(metrics)).find((line) => line.startsWith('codesdk_event_loop_lag_seconds'))?.split(' ')[1])
    // In turns: the loop has to be looked at before and after it was held.
    let holds = false
    const holdThenLag = () => {
      holds = !holds
      return holds ? hold() : lag()
    }
    await expect.poll(holdThenLag, { timeout: 20_000 }).toBeGreaterThan(0.02)
  })
})
