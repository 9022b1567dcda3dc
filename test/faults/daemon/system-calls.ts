import assert from 'node:assert/strict'
import { until } from '../../lifecycle/testing/processes.ts'
import type { Fault, Round } from '../fault.ts'
import { Refused, type Launched } from '../launch.ts'
import { checkDatabase, checkNoProcess, checkRuns, checkSession, checkTemp } from '../oracle.ts'
import { Recorder } from '../recorder.ts'

/** The command that runs a daemon which is killed at the nth such call of one of its threads. */
function killedAt(calls: string, nth: number): readonly string[] {
  return ['strace', '-f', '-qq', '-o', '/dev/null', '-e', `trace=${calls}`, '-e', `inject=${calls}:signal=SIGKILL:when=${nth}`]
}

type Work = (client: Awaited<ReturnType<Round['start']>>['client'], made: (recorder: Recorder) => void) => Promise<void>

/** A daemon with a past works until it is killed there, or until the work is done; then a start without faults is held to what was seen. */
async function workUntilKilled(round: Round, prefix: readonly string[], work: Work): Promise<Launched> {
  const recorders: Recorder[] = []
  const following: Promise<unknown>[] = []
  let reached = true
  try {
    const daemon = await round.start({ prefix })
    const made = (recorder: Recorder) => {
      recorders.push(recorder)
      following.push(recorder.follow(daemon.client))
    }
    const done = work(daemon.client, made).then(
      () => false,
      (error: unknown) => {
        if (error instanceof assert.AssertionError) throw error
        return true
      },
    )
    reached = await Promise.race([daemon.ended.then(() => true), done])
    await daemon.end('SIGKILL')
  } catch (error) {
    // Killed before it was ready: nobody was promised anything.
    if (!(error instanceof Refused)) throw error
  }
  await Promise.all(following)
  if (!reached) round.figure('not reached', round.index)
  const next = await round.start()
  await checkDatabase(round.dataDir)
  await checkNoProcess(round.marker)
  checkTemp(round.dataDir)
  for (const recorder of recorders) checkRuns(round.workspace, await checkSession(next.client, recorder))
  const after = await Recorder.create(next.client, round.session())
  const taskId = await after.task(next.client, { say: 1 })
  assert.equal((await after.end(next.client, taskId)).type, 'task.completed')
  return next
}

/** Create, task, decide, stop: again and again, each acknowledged before the next. */
function live(round: Round, times: number): Work {
  return async (client, made) => {
    const recorder = await Recorder.create(client, round.session())
    made(recorder)
    for (let index = 0; index < times; index++) {
      await recorder.task(client, { say: 3 }, { tool: {} })
      await until('the agent asks', () => recorder.asked().length > 0)
      const [asked] = recorder.asked()
      assert.ok(asked)
      await recorder.decide(client, index % 2 === 0 ? 'approve' : 'deny', asked)
      const stopped = await recorder.task(client, { wait: 'cancel' })
      await client.post(`/sessions/${recorder.sessionId}/tasks/${stopped}/stop`)
    }
  }
}

const atSync: Fault = {
  id: 'F05',
  name: 'kill -9 at the nth sync or write, from the start on through create, task, decide and stop',
  rounds: { short: 3, long: 400 },
  async run(round) {
    const calls = (['fsync,fdatasync', 'pwrite64', 'write'] as const)[round.index % 3] ?? 'pwrite64'
    // The short form takes three of all those that the long one goes through one by one.
    const nth = round.long ? 1 + (Math.floor(round.index / 3) % 200) : round.pick.integer(10, 40)
    await workUntilKilled(round, killedAt(calls, nth), live(round, 5))
  },
}

const atArtifact: Fault = {
  id: 'F10',
  name: 'kill -9 at the nth write, sync or rename while artifacts and support bundles are made',
  rounds: { short: 2, long: 60 },
  async run(round) {
    const calls = 'write,pwrite64,fsync,rename,link'
    const nth = round.long ? 20 + 3 * round.index : round.pick.integer(40, 90)
    const stored = new Map<string, string>()
    const { client } = await workUntilKilled(round, killedAt(calls, nth), async (working, made) => {
      const recorder = await Recorder.create(working, round.session())
      made(recorder)
      for (let index = 0; index < 10; index++) {
        await working.get(`/sessions/${recorder.sessionId}/support-bundle`)
        const text = `${index} `.repeat(20_000)
        const content = Buffer.from(text).toString('base64')
        const upload = await working.post('/artifacts', { session_id: recorder.sessionId, content_type: 'text/plain', data: content })
        assert.equal(upload.status, 201, upload.text)
        stored.set(String(upload.body.artifact_id), text)
      }
    })
    for (const [id, text] of stored)
      assert.equal((await client.get(`/artifacts/${id}`)).text, text, 'O1: an artifact is not what was stored')
  },
}

export const systemCallFaults: readonly Fault[] = [atSync, atArtifact]
