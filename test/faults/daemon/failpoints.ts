import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { until } from '../../lifecycle/testing/processes.ts'
import type { Fault, Round } from '../fault.ts'
import type { Launched } from '../launch.ts'
import { checkDatabase, checkNoProcess, checkRuns, checkSession, checkTemp } from '../oracle.ts'
import { Recorder, type Seen } from '../recorder.ts'

const preload = pathToFileURL(join(import.meta.dirname, '../failpoint.ts')).href

/** A daemon that is killed, or fails, at a point; the `at`th time it gets there. */
function startWith(round: Round, point: string, at = 1): Promise<Launched> {
  return round.start({ node: ['--import', preload], env: { FAILPOINT: point, FAILPOINT_AT: String(at) } })
}

const ran = (round: Round) => readdirSync(round.workspace).filter((name) => name.startsWith('ran-')).length

/** Starts anew and holds what was seen against what is stored. Returns the daemon and the session's events. */
export async function checkAfterDeath(round: Round, recorder: Recorder): Promise<{ next: Launched; events: readonly Seen[] }> {
  await checkDatabase(round.dataDir)
  const next = await round.start()
  await checkNoProcess(round.marker)
  checkTemp(round.dataDir)
  // Goes on where it was cut off: a gap or an event twice would end this.
  const over = new AbortController()
  const tip = (await next.client.events(recorder.sessionId)).length
  if (recorder.last < tip) await recorder.follow(next.client, ({ seq }) => seq === tip, over.signal)
  const events = await checkSession(next.client, recorder)
  checkRuns(round.workspace, events)
  return { next, events }
}

/** Creates a session and follows it, works until the daemon is dead, starts anew and checks. */
async function dieAt(round: Round, point: string, at: number): Promise<readonly Seen[]> {
  const daemon = await startWith(round, point, at)
  const { client } = daemon
  const recorder = await Recorder.create(client, round.session())
  const following = recorder.follow(client)
  const work = async () => {
    await recorder.task(client, { say: 20 }, { tool: {} }, { say: 20 })
    await recorder.decide(client, 'approve', await askedSoon(recorder))
  }
  // Whatever is under way when it dies has no answer, or never comes about.
  await Promise.race([
    daemon.ended,
    work().then(
      () => daemon.ended,
      () => daemon.ended,
    ),
  ])
  await following
  return (await checkAfterDeath(round, recorder)).events
}

async function askedSoon(recorder: Recorder) {
  await until('the agent asks', () => recorder.asked().length > 0)
  const [asked] = recorder.asked()
  assert.ok(asked)
  return asked
}

const beforePublish: Fault = {
  id: 'F06',
  name: 'kill -9 between the commit of an event and its publication',
  rounds: { short: 2, long: 40 },
  async run(round) {
    // The first two tell of the session itself; a kill there leaves nothing to hold on to.
    await dieAt(round, 'committed', 6 + round.index)
  },
}

const beforeFlush: Fault = {
  id: 'F07',
  name: 'kill -9 between the publication of an event and the write to its stream',
  rounds: { short: 2, long: 40 },
  async run(round) {
    await dieAt(round, 'published', 2 + (round.index % 10))
  },
}

const beforeTool: Fault = {
  id: 'F08',
  name: 'kill -9 between the commit of an approval and the start of the tool',
  rounds: { short: 2, long: 40 },
  async run(round) {
    const events = await dieAt(round, 'approval committed', 1)
    assert.equal(events.filter(({ type }) => type === 'tool.call.approved').length, 1, 'the approval was committed')
    assert.equal(ran(round), 0, 'O7: the agent heard of an approval before the daemon was sure of it')
    // Nobody may take it for one that runs: it ends, though it never began.
    const after = events.slice(events.findIndex(({ type }) => type === 'tool.call.approved') + 1).map(({ type }) => type)
    assert.deepEqual(
      after.filter((type) => !type.startsWith('model.')),
      ['tool.call.completed', 'task.failed'],
    )
    const end = events.find(({ type }) => type === 'tool.call.completed')
    assert.equal(end?.payload.is_error, true)
    assert.match(end.payload.result_preview ?? '', /daemon_restarted/)
  },
}

const duringTool: Fault = {
  id: 'F09',
  name: 'kill -9 while an approved tool runs',
  rounds: { short: 2, long: 40 },
  async run(round) {
    const daemon = await round.start()
    const recorder = await Recorder.create(daemon.client, round.session())
    await recorder.task(daemon.client, { tool: { ms: 60_000 } })
    await recorder.decide(daemon.client, 'approve', await recorder.question(daemon.client))
    await until('the tool runs', () => ran(round) === 1)
    await daemon.end('SIGKILL')
    const { events } = await checkAfterDeath(round, recorder)
    assert.equal(ran(round), 1, 'O7: the tool ran again')
    const end = events.find(({ type }) => type === 'task.failed')
    assert.equal(end?.payload.error?.code, 'daemon_restarted')
  },
}

const beforeAnswer: Fault = {
  id: 'F38',
  name: 'kill -9 between an approval and its answer; the client tries again after the restart',
  rounds: { short: 2, long: 40 },
  async run(round) {
    const daemon = await startWith(round, 'answer of an approval')
    const recorder = await Recorder.create(daemon.client, round.session())
    await recorder.task(daemon.client, { tool: {} })
    const asked = await recorder.question(daemon.client)
    await assert.rejects(recorder.decide(daemon.client, 'approve', asked), 'the answer came')
    await daemon.ended
    const { next, events } = await checkAfterDeath(round, recorder)
    const { status } = await recorder.decide(next.client, 'approve', asked)
    assert.ok(status === 200 || status === 409, `the second try was answered with ${status}`)
    assert.ok(ran(round) <= 1 && events.filter(({ type }) => type === 'tool.call.approved').length === 1)
  },
}

const exceptions: Fault = {
  id: 'F15',
  name: 'a handler throws; a promise is rejected and nobody minds; an error that nobody catches',
  rounds: { short: 3, long: 12 },
  async run(round) {
    const point = (['handler throws', 'handler rejects later', 'uncaught'] as const)[round.index % 3] ?? 'uncaught'
    const daemon = await startWith(round, point)
    const recorder = await Recorder.create(daemon.client, round.session())
    const taskId = await recorder.task(daemon.client, { say: 2 }, { tool: {} })
    const asked = await recorder.question(daemon.client)
    const answer = await daemon.client.get(`/sessions/${recorder.sessionId}/tasks`).catch(() => null)
    if (point === 'uncaught') {
      assert.equal(await daemon.ended, 70)
      const { events } = await checkAfterDeath(round, recorder)
      assert.equal(events.filter(({ type, trace }) => /^task\.(stopped|failed)$/.test(type) && trace.task_id === taskId).length, 1)
      return
    }
    assert.equal(answer?.status, point === 'handler throws' ? 500 : 200)
    assert.equal((await recorder.decide(daemon.client, 'approve', asked)).status, 200)
    assert.equal((await recorder.end(daemon.client, taskId)).type, 'task.completed')
    await checkSession(daemon.client, recorder)
  },
}

export const failpointFaults: readonly Fault[] = [beforePublish, beforeFlush, beforeTool, duringTool, beforeAnswer, exceptions]
