import { flatOut, paced } from '../flood.ts'
import { openWarmSessions, runFlood } from '../flood-run.ts'
import { servers, type Scenario, type Stage } from '../scenario.ts'
import type { Side } from '../target.ts'

interface Setting {
  readonly agents: number
  readonly readers: number
  /** Of each agent. */
  readonly events: number
}

/** Where so many readers share one process, it would be what is measured. */
const readersPerProcess = 300

async function measure(stage: Stage, side: string, { agents, readers, events }: Setting) {
  const target = await stage.target(side as Side, { flags: ['--max-sse-clients', '4000', '--max-live-agents', '64'] })
  const loads = Array.from({ length: Math.min(2, Math.ceil((agents * readers) / readersPerProcess)) }, () => stage.load())
  const [first] = loads
  if (first === undefined) throw new Error('there is no load')
  const sessions = await openWarmSessions(target, first, agents)
  const { delivered, slowest, cpuPerEvent } = await runFlood({ target, sessions, readers, flood: flatOut(events), loads }, stage.note)
  return { delivered, slowest, cpuPerEvent }
}

function fanOut(readers: number, atLeast: number | null, events: number): Scenario {
  return {
    id: `sse-${readers}`,
    what: `one agent flat out, ${readers} SSE reader${readers === 1 ? '' : 's'}`,
    sides: servers,
    rows: [
      {
        figure: 'delivered',
        what: 'delivered events/s, all served and nothing lost',
        of: 'ratio',
        unit: 'events/s',
        ...(atLeast === null ? {} : { atLeast }),
      },
      { figure: 'cpuPerEvent', what: 'processor time per event', of: 'ratio', unit: 'µs' },
    ],
    run: (stage, side) => measure(stage, side, { agents: 1, readers, events: stage.events(events) }),
  }
}

function atPace({ rate, readers, seconds }: { rate: number; readers: number; seconds: number }): Scenario['run'] {
  return async (stage, side) => {
    const target = await stage.target(side as Side)
    const load = stage.load()
    const sessions = await openWarmSessions(target, load, 1)
    const flood = paced(rate, Math.max(1, seconds * stage.scale))
    const { p50, p99, cpuPerEvent } = await runFlood({ target, sessions, readers, flood, loads: [load], parseAll: true }, stage.note)
    return { p50, p99, cpuPerEvent }
  }
}

export const streamScenarios: readonly Scenario[] = [
  fanOut(1, 0.7, 200_000),
  {
    id: 'sse-1-parsing',
    what: 'one agent flat out, 1 SSE reader, against a ceiling that parses and serialises each event',
    sides: ['daemon', 'parsing'],
    rows: [
      { figure: 'delivered', what: 'delivered events/s', of: 'ratio', unit: 'events/s' },
      { figure: 'cpuPerEvent', what: 'processor time per event', of: 'ratio', unit: 'µs' },
    ],
    run: (stage, side) => measure(stage, side, { agents: 1, readers: 1, events: stage.events(200_000) }),
  },
  fanOut(50, 0.8, 50_000),
  fanOut(500, 0.8, 10_000),
  fanOut(2000, null, 2_000),
  {
    id: 'agents-20',
    what: '20 agents flat out at once, one SSE reader each',
    sides: servers,
    rows: [
      { figure: 'delivered', what: 'events/s in sum', of: 'ratio', unit: 'events/s', atLeast: 0.5 },
      { figure: 'slowest', what: 'the slowest session, as a share of the mean', of: 'first', unit: '', atLeast: 0.5 },
    ],
    run: (stage, side) => measure(stage, side, { agents: 20, readers: 1, events: stage.events(10_000) }),
  },
  {
    id: 'latency-1',
    what: 'from the agent to one SSE reader at 500 events/s',
    sides: servers,
    rows: [
      { figure: 'p50', what: 'p50', of: 'ratio', unit: 'ms', atMost: 1.5 },
      { figure: 'p99', what: 'p99', of: 'ratio', unit: 'ms', atMost: 2.5 },
    ],
    run: atPace({ rate: 500, readers: 1, seconds: 10 }),
  },
  {
    id: 'latency-50',
    what: 'from the agent to 50 SSE readers at 200 events/s',
    sides: servers,
    rows: [{ figure: 'p99', what: 'p99', of: 'first', unit: 'ms', atMost: 20 }],
    run: atPace({ rate: 200, readers: 50, seconds: 10 }),
  },
  {
    id: 'latency-1000',
    what: 'from the agent to 1,000 SSE readers at 100 events/s',
    sides: servers,
    rows: [{ figure: 'p99', what: 'p99', of: 'first', unit: 'ms', atMost: 500 }],
    run: atPace({ rate: 100, readers: 1_000, seconds: 10 }),
  },
]
