import { flatOut, type Flood } from './flood.ts'
import type { Followed, ShortReading } from './load-order.ts'
import type { LoadProcess } from './load-process.ts'
import { cpuSeconds } from './process-figures.ts'
import type { Stage } from './scenario.ts'
import type { Session, Target } from './target.ts'

export interface FloodRunOptions {
  readonly target: Target
  readonly sessions: readonly Session[]
  /** Of each session. */
  readonly readers: number
  readonly flood: Flood
  /** The processes with the readers; the streams are dealt out among them. */
  readonly loads: readonly LoadProcess[]
  /** Whether every reader looks at each frame, for latencies; else only the first of each session. */
  readonly parseAll?: boolean
}

export interface FloodRun {
  /** Events of all sessions, each counted once. */
  readonly events: number
  /** Events that all readers together have read, a second. */
  readonly delivered: number
  /** Milliseconds from the agent's write to the read. */
  readonly p50: number
  readonly p99: number
  /** The rate of the slowest session, as a share of the mean. */
  readonly slowest: number
  /** Microseconds of the server's processor time, for each event and for each delivery. */
  readonly cpuPerEvent: number
  readonly cpuPerDelivery: number
}

/** Above this share of its time the load process is what is measured. */
const busyLimit = 0.9

/** Opens sessions whose agents are up and have written something already. */
export async function openWarmSessions(target: Target, load: LoadProcess, count: number): Promise<readonly Session[]> {
  const sessions: Session[] = []
  for (let left = count; left > 0; left -= 1) sessions.push(await target.openSession())
  await runFlood({ target, sessions, readers: 1, flood: flatOut(Math.ceil(4000 / count)), loads: [load] })
  return sessions
}

/** One task in each session at once, followed live from its start to its end. Throws when a reader lost, doubled or mixed up an event. */
export async function runFlood(options: FloodRunOptions, note: Stage['note'] = () => {}): Promise<FloodRun> {
  const { target, sessions, readers, flood, loads, parseAll = false } = options
  const streams = (await Promise.all(sessions.map((session) => toPath(target, session)))).flatMap((path, session) =>
    Array.from({ length: readers }, (_, reader) => ({
      session,
      path,
      mode: reader === 0 || parseAll ? ('parse' as const) : ('count' as const),
    })),
  )
  const parts = loads.map((_, load) => streams.filter((_stream, at) => at % loads.length === load))
  const following = await Promise.all(
    loads.map((load, at) =>
      load.follow({ kind: 'follow', port: target.port, streams: (parts[at] ?? []).map(({ path, mode }) => ({ path, mode })) }),
    ),
  )
  const before = cpuSeconds(target.pid)
  await Promise.all(sessions.map((session) => target.startTask(session, flood)))
  const followed = await Promise.all(following.map(({ done }) => done))
  const cpu = (cpuSeconds(target.pid) - before) * 1e6
  for (const { busy } of followed)
    if (busy > busyLimit) note(`${target.side}: the load process was busy ${Math.round(busy * 100)} % of the time`)
  const bySession = sessions.map((_, session) =>
    followed.flatMap(({ readings }, load) => readings.filter((_reading, at) => parts[load]?.[at]?.session === session)),
  )
  return { ...toRun(bySession.map(toSessionRun), readers, cpu), ...toLatency(followed) }
}

interface SessionRun {
  readonly events: number
  readonly began: number
  readonly ended: number
}

function toSessionRun(readings: readonly ShortReading[]): SessionRun {
  const [first] = readings.filter(({ events }) => events > 0)
  if (first === undefined || !readings.every(({ complete }) => complete)) throw new Error('events were lost or came out of order')
  // A reader that only counts has read the same frames when it has read as many bytes: they come in the order of the log.
  if (readings.some(({ bytes }) => bytes !== first.bytes)) throw new Error('readers of one session have not read the same')
  return { events: first.events, began: first.firstWritten, ended: Math.max(...readings.map(({ ended }) => ended)) }
}

function toRun(sessions: readonly SessionRun[], readers: number, cpu: number): Omit<FloodRun, 'p50' | 'p99'> {
  const events = sessions.reduce((sum, one) => sum + one.events, 0)
  const seconds = (Math.max(...sessions.map(({ ended }) => ended)) - Math.min(...sessions.map(({ began }) => began))) / 1e9
  const rates = sessions.map((one) => one.events / (one.ended - one.began))
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length
  return {
    events,
    delivered: (events * readers) / seconds,
    slowest: Math.min(...rates) / mean,
    cpuPerEvent: cpu / events,
    cpuPerDelivery: cpu / events / readers,
  }
}

function toLatency(followed: readonly Followed[]): Pick<FloodRun, 'p50' | 'p99'> {
  const told = followed.filter(({ p50 }) => !Number.isNaN(p50))
  return { p50: Math.max(...told.map(({ p50 }) => p50)), p99: Math.max(...told.map(({ p99 }) => p99)) }
}

/** The stream from now on. */
async function toPath(target: Target, session: Session): Promise<string> {
  return `${session.path}/events?after_seq=${await target.tip(session)}`
}
