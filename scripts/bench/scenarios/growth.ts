import { fill } from '../fill.ts'
import { flatOut } from '../flood.ts'
import { openWarmSessions, runFlood } from '../flood-run.ts'
import { residentMegabytes } from '../process-figures.ts'
import type { Scenario } from '../scenario.ts'

const flags = ['--max-sse-clients', '4000']
const toNumber = (side: string) => Number(side.replaceAll(',', ''))

/** What one more costs when there are so many already: lines that are to stay flat. */
export const growthScenarios: readonly Scenario[] = [
  {
    id: 'growth-events',
    what: 'one more event, with so many in the session',
    sides: ['1,000', '10,000', '100,000', '1,000,000'],
    rows: [],
    growth: [{ figure: 'cpu', title: 'Processor time per event', of: 'events in the session', unit: 'µs' }],
    async run(stage, side) {
      const target = await stage.target('daemon', { flags })
      const load = stage.load()
      // So that the code is as warm with few events as with many.
      await fill(target, load, flatOut(stage.events(50_000)))
      const session = await fill(target, load, flatOut(Math.min(toNumber(side), stage.events(toNumber(side)))))
      const { cpuPerEvent } = await runFlood({
        target,
        sessions: [session],
        readers: 1,
        flood: flatOut(stage.events(50_000)),
        loads: [load],
      })
      return { cpu: cpuPerEvent }
    },
  },
  {
    id: 'growth-sessions',
    what: 'one more session, with so many open',
    sides: ['100', '1,000', '10,000'],
    rows: [],
    growth: [
      { figure: 'open', title: 'Time to open a session', of: 'sessions', unit: 'ms' },
      { figure: 'memory', title: 'Resident memory', of: 'sessions', unit: 'MB' },
    ],
    async run(stage, side) {
      const target = await stage.target('daemon', { flags })
      const open = async (count: number) => {
        const begun = performance.now()
        for (let left = count; left > 0; left -= 1) await target.openSession()
        return (performance.now() - begun) / count
      }
      await open(100)
      await open(stage.events(toNumber(side)))
      return { open: await open(100), memory: residentMegabytes(target.pid).now }
    },
  },
  {
    id: 'growth-readers',
    what: 'one more reader, with so many on one session',
    sides: ['1', '10', '100', '1,000'],
    rows: [],
    growth: [{ figure: 'cpu', title: 'Processor time per delivered event', of: 'readers', unit: 'µs' }],
    async run(stage, side) {
      const readers = toNumber(side)
      const target = await stage.target('daemon', { flags })
      const loads = readers > 300 ? [stage.load(), stage.load()] : [stage.load()]
      const [load] = loads
      if (load === undefined) throw new Error('there is no load')
      const sessions = await openWarmSessions(target, load, 1)
      const flood = flatOut(stage.events(Math.max(5000, Math.round(100_000 / readers))))
      const { cpuPerDelivery } = await runFlood({ target, sessions, readers, flood, loads })
      return { cpu: cpuPerDelivery }
    },
  },
]
