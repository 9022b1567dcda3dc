import { fillWithTask } from '../fill.ts'
import { flatOut } from '../flood.ts'
import { openWarmSessions } from '../flood-run.ts'
import { PlainConnection } from '../plain-connection.ts'
import { servers, type Figures, type Scenario, type Stage } from '../scenario.ts'
import { quantile } from '../statistics.ts'
import type { Side } from '../target.ts'

/** Milliseconds of one view, at one request after the other. */
async function viewTimes(stage: Stage, events: number): Promise<Figures> {
  const target = await stage.target('daemon')
  const load = stage.load()
  const [session, task] = await fillWithTask(target, load, events)
  const time = async (path: string) => {
    const order = { kind: 'requests', port: target.port, path, connections: 1, milliseconds: 1000 } as const
    await load.run<'requests'>({ ...order, milliseconds: 300 })
    return (await load.run<'requests'>(order)).p50
  }
  const page = `${session.path}/events?after_seq=${Math.round(events / 2)}&limit=500`
  return { task: await time(task), sessions: await time('/sessions'), approvals: await time('/approvals'), page: await time(page) }
}

const views: readonly Scenario['rows'][number][] = [
  { figure: 'task', what: 'task status, p50', of: 'ratio', unit: 'ms', atMost: 1.2 },
  { figure: 'sessions', what: 'session list, p50', of: 'ratio', unit: 'ms', atMost: 1.2 },
  { figure: 'approvals', what: 'pending approvals, p50', of: 'ratio', unit: 'ms', atMost: 1.2 },
  { figure: 'page', what: '500 events from the middle of the log, p50', of: 'first', unit: 'ms', atMost: 50 },
]

/** p99 of POST -> 202 in other sessions while one writes as fast as it can. */
async function startTimes(stage: Stage): Promise<Figures> {
  const target = await stage.target('daemon', { flags: ['--max-live-agents', '64'] })
  const load = stage.load()
  const sessions = await openWarmSessions(target, load, 9)
  const [flooding, ...others] = sessions
  if (flooding === undefined) throw new Error('there is no session')
  const flood = await target.startTask(flooding, flatOut(100_000_000))
  const body = JSON.stringify({ messages: [{ role: 'user', content: 'nothing' }] })
  using connection = await PlainConnection.open(target.port)
  const times: number[] = []
  for (let round = 0; round < Math.max(3, Math.round(25 * stage.scale)); round += 1) {
    for (const { path } of others) {
      const begun = performance.now()
      const { status } = await connection.request('POST', `${path}/tasks`, body)
      times.push(performance.now() - begun)
      if (status !== 202) throw new Error(`POST tasks: ${status}`)
    }
    // What was started is to end before the next round, or its start would wait in a queue.
    await Promise.all(others.map(({ path }) => target.untilIdle(path)))
  }
  await target.stop(flood)
  const sorted = times.toSorted((a, b) => a - b)
  return { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) }
}

export const requestScenarios: readonly Scenario[] = [
  {
    id: 'views',
    what: 'views with 1,000,000 events in the log, against 1,000',
    sides: ['1,000,000', '1,000'],
    rows: views,
    run: (stage, side) => viewTimes(stage, side === '1,000' ? 1000 : stage.events(1_000_000)),
  },
  {
    id: 'get-session',
    what: 'GET /sessions/{id} on 32 connections',
    sides: servers,
    rows: [{ figure: 'requests', what: 'requests/s', of: 'ratio', unit: 'requests/s', atLeast: 0.6 }],
    async run(stage, side) {
      const target = await stage.target(side as Side)
      const load = stage.load()
      const [session] = await openWarmSessions(target, load, 1)
      const order = { kind: 'requests', port: target.port, path: session?.path ?? '', connections: 32 } as const
      await load.run<'requests'>({ ...order, milliseconds: 1000 })
      const { requests, milliseconds, busy } = await load.run<'requests'>({ ...order, milliseconds: Math.max(500, 5000 * stage.scale) })
      if (busy > 0.9) stage.note(`${side}: the load process was busy ${Math.round(busy * 100)} % of the time`)
      return { requests: (requests / milliseconds) * 1000 }
    },
  },
  {
    id: 'start-task',
    what: 'POST of a task while another session floods',
    sides: ['daemon'],
    rows: [
      { figure: 'p50', what: 'until the 202, p50', of: 'first', unit: 'ms' },
      { figure: 'p99', what: 'until the 202, p99', of: 'first', unit: 'ms', atMost: 25 },
    ],
    run: startTimes,
  },
]
