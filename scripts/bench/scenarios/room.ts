import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fill } from '../fill.ts'
import { flatOut } from '../flood.ts'
import { packDaemon } from '../packed.ts'
import { forgetPeak, residentMegabytes } from '../process-figures.ts'
import type { Figures, Scenario, Stage } from '../scenario.ts'
import type { Target } from '../target.ts'

const million = 1_000_000

async function memory(stage: Stage): Promise<Figures> {
  const target = await stage.target('daemon', { executable: await packDaemon(await stage.folder()) })
  await setTimeout(2000)
  const idle = residentMegabytes(target.pid).now
  const open = async (count: number) => {
    for (let left = count; left > 0; left -= 1) await target.openSession()
    await setTimeout(1000)
    return residentMegabytes(target.pid).now
  }
  // What the first ones cost is code that was compiled and a heap that found its size.
  const warm = await open(stage.events(1000))
  // The heap grows in steps of some ten megabytes: over one thousand it is a matter of luck whether one falls into it.
  const added = (await open(stage.events(4000))) - warm
  forgetPeak(target.pid)
  await fill(target, stage.load(), flatOut(stage.events(million)))
  return { idle, sessions: (added * 1000) / stage.events(4000), passing: residentMegabytes(target.pid).peak }
}

/** Bytes of the JSON of all events, as a stream tells them: what stands around each is taken off. */
async function jsonBytes(stage: Stage, port: number, path: string): Promise<number> {
  const order = { kind: 'replay', port, paths: [`${path}/events`], mode: 'parse', raw: false } as const
  const [reading] = (await stage.load().run<'replay'>(order)).readings
  if (reading === undefined || !reading.complete) throw new Error('the replay has gaps')
  let frames = 0
  for (let seq = 1; seq <= reading.events; seq += 1) frames += 'id: \ndata: \n\n'.length + String(seq).length
  return reading.bytes - frames
}

async function disk(stage: Stage): Promise<Figures> {
  const target = await stage.target('daemon', { executable: await packDaemon(await stage.folder()) })
  const { path } = await fill(target, stage.load(), flatOut(stage.events(200_000)))
  const json = await jsonBytes(stage, target.port, path)
  await target[Symbol.asyncDispose]()
  const { size } = await stat(join(target.folder, 'data', 'codesdkd.db'))
  return { disk: size / json }
}

async function bundle(stage: Stage): Promise<Figures> {
  const executable = await packDaemon(await stage.folder())
  const target = await stage.target('daemon', { executable })
  const { path } = await fill(target, stage.load(), flatOut(stage.events(million)))
  const json = await jsonBytes(stage, target.port, path)
  const busy = await takeBundle(target, path)
  await target[Symbol.asyncDispose]()
  // So that nothing but the bundle is measured: a process keeps some of what a flood took.
  const { peak, seconds } = await takeBundle(await stage.target('daemon', { executable, folder: target.folder }), path)
  return { peak, busy: busy.peak, rate: json / 1e6 / seconds }
}

async function takeBundle(target: Target, path: string): Promise<{ readonly peak: number; readonly seconds: number }> {
  await setTimeout(2000)
  forgetPeak(target.pid)
  const begun = performance.now()
  const answer = await target.get(`${path}/support-bundle`)
  if (answer.status !== 200 || answer.body === null) throw new Error(`the bundle: ${answer.status} ${await answer.text()}`)
  for await (const _ of answer.body);
  return { peak: residentMegabytes(target.pid).peak, seconds: (performance.now() - begun) / 1000 }
}

export const roomScenarios: readonly Scenario[] = [
  {
    id: 'memory',
    what: 'resident memory',
    sides: ['daemon'],
    rows: [
      { figure: 'idle', what: 'idle', of: 'first', unit: 'MB', atMost: 85 },
      { figure: 'sessions', what: 'for 1,000 sessions more, over 4,000 after the first 1,000', of: 'first', unit: 'MB', atMost: 10 },
      { figure: 'passing', what: 'at most while 1,000,000 events pass', of: 'first', unit: 'MB', atMost: 220 },
    ],
    run: memory,
  },
  {
    id: 'disk',
    what: 'room on disk',
    sides: ['daemon'],
    rows: [{ figure: 'disk', what: 'bytes of the database for each byte of JSON', of: 'first', unit: '', atMost: 1.25 }],
    run: disk,
  },
  {
    id: 'bundle',
    what: 'support bundle of a session with 1,000,000 events',
    sides: ['daemon'],
    rows: [
      { figure: 'peak', what: 'resident memory at most, of a daemon that was started on that log', of: 'first', unit: 'MB', atMost: 150 },
      { figure: 'busy', what: 'resident memory at most, of the daemon that has just written it', of: 'first', unit: 'MB' },
      { figure: 'rate', what: 'of the raw log', of: 'first', unit: 'MB/s', atLeast: 50 },
    ],
    run: bundle,
  },
]
