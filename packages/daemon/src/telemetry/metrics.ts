import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Event, EventOf, ProblemCode, TerminalType, ToolKind } from '@codesdkd/protocol'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { SessionCounts } from '../core/operations.ts'
import { createCallTimes } from './call-times.ts'

export interface MetricsOptions {
  /** Whether `/metrics` shows them; they are counted in any case. */
  readonly enabled: boolean
  readonly version: string
  /** The names that may be a `runtime` label; any other counts as `other`. */
  readonly runtimes: readonly string[]
}

/** The daemon in numbers: a subscriber of the log like any other, and a few gauges. Labels come from closed sets only. */
export interface Metrics extends Disposable {
  readonly enabled: boolean
  readonly contentType: string
  render(): Promise<string>
  /** Counts one committed event. Never throws. */
  observe(event: Event): void
  /** One transaction of the log, in seconds. */
  appended(seconds: number): void
  /** A session was deleted. */
  removed(reason: 'request' | 'retention'): void
  /** How many event streams are open. */
  sseClients(open: number): void
  /** A request that was refused. */
  denied(code: ProblemCode): void
  /** Where live counts come from at each scrape. */
  gauges(counts: () => SessionCounts): void
}

/** How often the loop is looked at; what is measured includes this interval. */
const LOOP_RESOLUTION_MS = 10

const durations = [0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600]
const fast = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1]
/** Refusals because something is full. */
const drops: ReadonlySet<ProblemCode> = new Set(['backpressure', 'rate_limited', 'sse_limit'])

export function createMetrics({ enabled, version, runtimes }: MetricsOptions): Metrics {
  const registry = new Registry()
  const instruments = createInstruments(registry)
  const loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS })
  if (enabled) loop.enable()
  const sources = { loop, counts: (): SessionCounts => none }
  addGauges(registry, version, sources)
  const observe = createObserver(instruments, new Set(runtimes))
  return {
    enabled,
    contentType: registry.contentType,
    render: () => registry.metrics(),
    observe,
    appended: (seconds) => instruments.append.observe(seconds),
    removed: (reason) => instruments.removed.inc({ reason }),
    sseClients: (open) => instruments.sseClients.set(open),
    denied: (code) => {
      instruments.denied.inc({ reason: code })
      if (drops.has(code)) instruments.drops.inc({ reason: code })
    },
    gauges: (counts) => {
      sources.counts = counts
    },
    [Symbol.dispose]: () => void loop.disable(),
  }
}

const none: SessionCounts = { sessions_loaded: 0, tasks_running: 0, tasks_queued: 0, approvals_pending: 0, agents_live: 0 }

type Instruments = ReturnType<typeof createInstruments>

function createInstruments(registry: Registry) {
  const registers = [registry]
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Counter({ name, help, labelNames, registers })
  const histogram = (name: string, help: string, buckets: number[]) => new Histogram({ name, help, buckets, registers })
  return {
    started: counter('codesdk_tasks_started_total', 'Tasks whose agent was given its turn', ['runtime']),
    finished: counter('codesdk_tasks_finished_total', 'Tasks that ended', ['runtime', 'status']),
    taskDuration: histogram('codesdk_task_duration_seconds', 'From acceptance to end of a task', durations),
    tools: counter('codesdk_tool_executions_total', 'Tool calls that ran, by kind of tool', ['runtime', 'tool', 'status', 'execution_env']),
    toolDuration: histogram('codesdk_tool_duration_seconds', 'Run time of a tool call', durations),
    approvalWait: histogram('codesdk_approval_wait_seconds', 'From the question to the decision', durations),
    tokens: counter('codesdk_tokens_total', 'Tokens of ended tasks, as their agents report them', ['runtime', 'type']),
    cost: counter('codesdk_cost_usd_total', 'Cost of ended tasks, as their agents report it', ['runtime']),
    append: histogram('codesdk_event_append_seconds', 'One transaction of the event log', fast),
    removed: counter('codesdk_sessions_deleted_total', 'Sessions that were deleted', ['reason']),
    drops: counter('codesdk_backpressure_drops_total', 'Requests refused because something is full', ['reason']),
    denied: counter('codesdk_denied_total', 'Requests that were refused, by error code', ['reason']),
    sseClients: new Gauge({ name: 'codesdk_sse_clients', help: 'Open event streams', registers }),
  }
}

/** Gauges that are read when they are scraped. */
function addGauges(
  registry: Registry,
  version: string,
  sources: { readonly loop: { readonly max: number; reset(): void }; counts: () => SessionCounts },
): void {
  const live = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read())
      },
    })
  live('codesdk_active_tasks', 'Tasks that run', () => sources.counts().tasks_running)
  live('codesdk_active_sessions', 'Sessions in memory', () => sources.counts().sessions_loaded)
  live('codesdk_task_queue_depth', 'Tasks that wait for their turn', () => sources.counts().tasks_queued)
  live('codesdk_approvals_pending', 'Tool calls that wait for a person', () => sources.counts().approvals_pending)
  live('codesdk_event_loop_lag_seconds', 'Longest delay of the event loop since the last scrape', () => {
    const longest = Math.max(0, sources.loop.max / 1e9 - LOOP_RESOLUTION_MS / 1e3)
    sources.loop.reset()
    return longest
  })
  const build = new Gauge({ name: 'codesdk_build_info', help: 'What runs here', labelNames: ['version', 'node'], registers: [registry] })
  build.set({ version, node: process.versions.node }, 1)
}

function createObserver(instruments: Instruments, known: ReadonlySet<string>): (event: Event) => void {
  const calls = createCallTimes()
  return (event) => {
    const runtime = known.has(event.runtime.name) ? event.runtime.name : 'other'
    const call = calls.observe(event)
    if (event.type === 'task.started') instruments.started.inc({ runtime })
    if (event.type === 'task.completed' || event.type === 'task.failed' || event.type === 'task.stopped')
      countTask(instruments, runtime, event)
    if (event.type === 'tool.call.completed') countCall(instruments, runtime, call?.kind ?? 'other', event)
    const decided = event.type === 'tool.call.approved' || event.type === 'tool.call.denied'
    if (decided && call?.waited != null) instruments.approvalWait.observe(call.waited)
  }
}

function countCall(instruments: Instruments, runtime: string, tool: ToolKind, { payload }: EventOf<'tool.call.completed'>): void {
  const { is_error, execution_env, duration_ms } = payload
  instruments.tools.inc({ runtime, tool, status: is_error ? 'error' : 'ok', execution_env })
  if (duration_ms !== null) instruments.toolDuration.observe(duration_ms / 1000)
}

function countTask(instruments: Instruments, runtime: string, event: EventOf<TerminalType>): void {
  const { usage, cost_usd, time_ms } = event.payload.receipt
  instruments.finished.inc({ runtime, status: event.type.slice('task.'.length) })
  instruments.taskDuration.observe(time_ms.total / 1000)
  if (cost_usd !== null) instruments.cost.inc({ runtime }, cost_usd)
  const tokens = {
    input: usage?.input_tokens,
    output: usage?.output_tokens,
    cached_input: usage?.cached_input_tokens,
    reasoning: usage?.reasoning_tokens,
  }
  for (const [type, count] of Object.entries(tokens)) if (count != null) instruments.tokens.inc({ runtime, type }, count)
}
