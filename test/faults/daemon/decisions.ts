import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { checkDatabase, checkNoProcess, checkRuns, checkSession, checkTemp } from '../oracle.ts'
import type { Fault } from '../fault.ts'
import { Recorder } from '../recorder.ts'

/** The daemon is killed while an approval waits. */
const restartWithPending: Fault = {
  id: 'F37',
  name: 'kill -9 while an approval waits; the approval is tried again after the restart',
  rounds: { short: 2, long: 50 },
  async run(round) {
    const first = await round.start()
    const recorder = await Recorder.create(first.client, round.session())
    const taskId = await recorder.task(first.client, { say: 3 }, { tool: {} })
    const asked = await recorder.question(first.client)
    await delay(round.pick.integer(0, 50))
    await first.end('SIGKILL')
    await checkDatabase(round.dataDir)
    const { client } = await round.start()
    checkTemp(round.dataDir)
    await checkNoProcess(round.marker)
    const answer = await recorder.decide(client, 'approve', asked)
    assert.equal(answer.status, 409, `the approval of a dead call was answered with ${answer.status}`)
    const events = await checkSession(client, recorder)
    assert.equal(checkRuns(round.workspace, events), 0)
    const end = events.find(({ type, trace }) => type === 'task.failed' && trace.task_id === taskId)
    assert.equal(end?.payload.error?.code, 'daemon_restarted')
  },
}

export const decisionFaults: readonly Fault[] = [restartWithPending]
