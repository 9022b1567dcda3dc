import { flatOut } from '../flood.ts'
import { fill } from '../fill.ts'
import { servers, type Scenario } from '../scenario.ts'
import type { Side } from '../target.ts'

const full = 100_000

export const replayScenarios: readonly Scenario[] = [
  {
    id: 'ceiling',
    what: 'the ceiling against a raw socket write loop of the same frames, one reader and 50',
    sides: ['ceiling', 'raw'],
    rows: [
      { figure: 'one', what: 'to one reader', of: 'ratio', unit: 'MB/s', atLeast: 0.8 },
      { figure: 'fifty', what: 'to 50 readers', of: 'ratio', unit: 'MB/s', atLeast: 0.8 },
    ],
    async run(stage, side) {
      const target = await stage.target('ceiling')
      const load = stage.load()
      const session = await fill(target, load, flatOut(stage.events(full)))
      const raw = side === 'raw'
      const path = raw ? session.id : `${session.path}/events`
      const measure = async (readers: number) => {
        const order = { kind: 'replay' as const, port: raw ? target.rawPort : target.port, mode: 'count' as const, raw }
        const { readings, milliseconds, busy } = await load.run<'replay'>({ ...order, paths: Array.from({ length: readers }, () => path) })
        if (busy > 0.9) stage.note(`${side}: the load process was busy ${Math.round(busy * 100)} % of the time with ${readers} readers`)
        return readings.reduce((sum, { bytes }) => sum + bytes, 0) / milliseconds / 1000
      }
      await measure(1)
      return { one: await measure(1), fifty: await measure(50) }
    },
  },
  {
    id: 'replay-sse',
    what: `replay of ${full.toLocaleString('en-US')} events by SSE`,
    sides: servers,
    rows: [{ figure: 'events', what: 'events/s', of: 'ratio', unit: 'events/s', atLeast: 0.7 }],
    async run(stage, side) {
      const target = await stage.target(side as Side)
      const load = stage.load()
      const { path } = await fill(target, load, flatOut(stage.events(full)))
      const order = { kind: 'replay', port: target.port, paths: [`${path}/events`], raw: false } as const
      const { milliseconds } = await load.run<'replay'>({ ...order, mode: 'count' })
      // Outside of what is measured: the replay is whole.
      const [reading] = (await load.run<'replay'>({ ...order, mode: 'parse' })).readings
      if (reading === undefined || !reading.complete) throw new Error('the replay has gaps')
      return { events: (reading.events / milliseconds) * 1000 }
    },
  },
  {
    id: 'replay-pages',
    what: `replay of ${full.toLocaleString('en-US')} events by pages of 1,000`,
    sides: servers,
    rows: [{ figure: 'events', what: 'events/s', of: 'ratio', unit: 'events/s', atLeast: 0.7 }],
    async run(stage, side) {
      const target = await stage.target(side as Side)
      const load = stage.load()
      const { path } = await fill(target, load, flatOut(stage.events(full)))
      const { lastSeq, milliseconds } = await load.run<'pages'>({ kind: 'pages', port: target.port, path: `${path}/events`, limit: 1000 })
      return { events: (lastSeq / milliseconds) * 1000 }
    },
  },
]
