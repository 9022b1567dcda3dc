import assert from 'node:assert/strict'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { until } from '../../lifecycle/testing/processes.ts'
import type { Fault, Round } from '../fault.ts'
import type { Launched } from '../launch.ts'
import { checkDatabase, checkNoProcess, checkRuns, checkSession, checkTemp } from '../oracle.ts'
import { isEnd, Recorder } from '../recorder.ts'
import type { Step } from '../script.ts'

/** What the daemon is in the middle of when it is told to end: brings it there and resolves. */
const states: Readonly<Record<string, (daemon: Launched, recorder: Recorder, round: Round) => Promise<unknown>>> = {
  idle: async () => undefined,
  starting: async ({ client }, _recorder, round) =>
    (await Recorder.create(client, round.session({ runtime: 'hanging' }))).task(client, { say: 1 }),
  running: async ({ client }, recorder) => {
    await recorder.task(client, { say: 10_000, pause: 1 })
    await client.event(recorder.sessionId, 'model.output.delta')
  },
  'waiting for an approval': async ({ client }, recorder) => {
    await recorder.task(client, { tool: {} })
    await client.event(recorder.sessionId, 'tool.call.policy_evaluated', ({ payload }) => payload.result === 'ask')
  },
  'waiting for an answer': async ({ client }, recorder) => {
    const requestedSchema = { type: 'object', properties: { name: { type: 'string' } } }
    await recorder.task(client, { request: 'elicitation/create', params: { mode: 'form', message: 'Which one?', requestedSchema } })
    await client.event(recorder.sessionId, 'question.asked')
  },
  'running, deaf to signals': async ({ client }, recorder) => {
    await recorder.task(client, { deaf: true }, { say: 1 }, { wait: 'forever' })
    await client.event(recorder.sessionId, 'model.output.delta')
  },
  stopping: async ({ client }, recorder) => {
    const taskId = await recorder.task(client, { deaf: true }, { say: 1 }, { wait: 'forever' })
    await client.event(recorder.sessionId, 'model.output.delta')
    void client.post(`/sessions/${recorder.sessionId}/tasks/${taskId}/stop`).catch(() => undefined)
  },
  'queued tasks': async ({ client }, recorder) => {
    for (let index = 0; index < 5; index++) await recorder.task(client, { wait: 'cancel' })
  },
  'creating, forking, handing off and bundling': async ({ client }, recorder, round) => {
    const done = await recorder.task(client, { say: 5 })
    await client.finish({ session_id: recorder.sessionId, task_id: done })
    const path = `/sessions/${recorder.sessionId}`
    const requests = [
      client.post('/sessions', round.session()),
      client.post(`${path}/fork`, {}),
      client.post(`${path}/handoff`, { runtime: 'scripted' }),
      client.get(`${path}/support-bundle`),
    ]
    for (const request of requests)
      request.then(({ status, text }) => assert.ok(status < 500 || status === 503, text)).catch(() => undefined)
  },
}

/** Opens streams; `texts` resolves, when all have ended, with what each of them had. */
async function openStreams({ client }: Launched, { sessionId }: Recorder, count: number): Promise<{ texts: Promise<readonly string[]> }> {
  const streams = await Promise.all(Array.from({ length: count }, () => fetch(`${client.url}/sessions/${sessionId}/events?stream=1`)))
  return { texts: Promise.all(streams.map((stream) => stream.text())) }
}

const terminate: Fault = {
  id: 'F13',
  name: 'SIGTERM in every state, with 50 followers: exit 0 within 10 s, a last comment on every stream',
  rounds: { short: Object.keys(states).length, long: 10 * Object.keys(states).length },
  async run(round) {
    const [name, reach] = Object.entries(states)[round.index % Object.keys(states).length] ?? []
    assert.ok(name !== undefined && reach !== undefined)
    const agent = `hanging=${process.execPath} ${new URL('../scripted-agent.mjs', import.meta.url).pathname} hangs`
    const daemon = await round.start({ args: ['--agent', agent] })
    const recorder = await Recorder.create(daemon.client, round.session())
    const following = recorder.follow(daemon.client)
    await reach(daemon, recorder, round)
    const { texts } = await openStreams(daemon, recorder, 50)
    const begun = performance.now()
    assert.equal(await daemon.end('SIGTERM'), 0, `${name}: ${daemon.stderr()}`)
    const took = performance.now() - begun
    round.figure('longest shutdown ms', Math.round(took))
    for (const text of await texts) assert.match(text, /\n: closing\n\n$/, `${name}: a stream ended without a last comment`)
    await following
    await checkNoProcess(round.marker, 1_000)
    await checkDatabase(round.dataDir)
    const next = await round.start()
    checkTemp(round.dataDir)
    checkRuns(round.workspace, await checkSession(next.client, recorder))
  },
}

const signals: Fault = {
  id: 'F14',
  name: 'SIGTERM twice, INT, HUP, PIPE, USR1 (no debugger), STOP and CONT under work',
  rounds: { short: 6, long: 36 },
  async run(round) {
    const daemon = await round.start({ args: ['--log-level', 'info'] })
    const { client, pid } = daemon
    const recorder = await Recorder.create(client, round.session())
    const kind = (['TERM TERM', 'INT', 'HUP', 'PIPE', 'USR1', 'STOP'] as const)[round.index % 6] ?? 'INT'
    // Of an agent that will not go, the daemon is not rid before its second signal comes.
    const steps: readonly Step[] = kind === 'TERM TERM' ? [{ deaf: true }, { say: 1 }, { wait: 'forever' }] : [{ say: 300, pause: 2 }]
    const taskId = await recorder.task(client, ...steps)
    await client.event(recorder.sessionId, 'model.output.delta')
    switch (kind) {
      case 'TERM TERM':
        process.kill(pid, 'SIGTERM')
        await until('it is stopping or gone', async () => (await client.get('/readyz').catch(() => null))?.status !== 200)
        // 1: not all was closed. 0 is for a shutdown that came to its end; the second signal may not make one of the other.
        assert.equal(await daemon.end('SIGTERM'), 1)
        break
      case 'INT':
      case 'HUP':
        assert.equal(await daemon.end(`SIG${kind}`), 0)
        break
      case 'STOP':
        process.kill(pid, 'SIGSTOP')
        await delay(round.long ? 60_000 : 1_000)
        process.kill(pid, 'SIGCONT')
        assert.equal((await recorder.end(client, taskId)).type, 'task.completed')
        break
      case 'PIPE':
      case 'USR1':
        process.kill(pid, `SIG${kind}`)
        assert.equal((await recorder.end(client, taskId)).type, 'task.completed')
        assert.doesNotMatch(daemon.stderr(), /debugger/i)
        break
      default:
        kind satisfies never
    }
    await daemon.end('SIGTERM')
    const next = await round.start()
    await checkNoProcess(round.marker)
    checkTemp(round.dataDir)
    await checkSession(next.client, recorder)
  },
}

const storm: Fault = {
  id: 'F58',
  name: '200 tasks end at the moment of SIGTERM',
  rounds: { short: 1, long: 20 },
  async run(round) {
    const daemon = await round.start()
    const { client } = daemon
    const recorders = await Promise.all(Array.from({ length: 10 }, () => Recorder.create(client, round.session())))
    const tasks = await Promise.all(
      recorders.map(async (recorder) => {
        await recorder.task(client, { say: 1 }, { wait: 'cancel' })
        await client.event(recorder.sessionId, 'model.output.delta')
        return await Promise.all(Array.from({ length: 19 }, () => recorder.task(client, { say: 1 })))
      }),
    )
    const following = recorders.map((recorder) => recorder.follow(client))
    for (const [index, { sessionId }] of recorders.entries())
      for (const taskId of tasks[index] ?? [])
        void client.post(`/sessions/${sessionId}/tasks/${taskId}/stop`).then(
          ({ status, text }) => assert.ok(status < 500 || status === 503, text),
          () => undefined,
        )
    await delay(round.pick.integer(0, 100))
    assert.equal(await daemon.end('SIGTERM'), 0)
    await Promise.all(following)
    const next = await round.start()
    await checkNoProcess(round.marker)
    for (const recorder of recorders) {
      const events = await checkSession(next.client, recorder)
      assert.equal(events.filter(({ type }) => isEnd(type)).length, 20)
    }
  },
}

const deadlines: Fault = {
  id: 'F58a',
  name: 'the deadlines of 200 tasks that run (short: 30) are over at the moment of SIGTERM',
  rounds: { short: 1, long: 10 },
  async run(round) {
    const count = round.long ? 200 : 30
    const agent = `quiet=/bin/sh ${join(import.meta.dirname, '../quiet-agent.sh')}`
    const daemon = await round.start({ args: ['--agent', agent, '--max-running-tasks', '300', '--max-live-agents', '300'] })
    const { client } = daemon
    const recorders = await Promise.all(Array.from({ length: count }, () => Recorder.create(client, round.session({ runtime: 'quiet' }))))
    const moment = Date.now() + (round.long ? 15_000 : 3_000)
    for (const recorder of recorders) {
      // Counts from the start of the task, which is now.
      const body = { messages: [{ role: 'user', content: 'wait' }], timeoutMs: Math.max(1, moment - Date.now()) }
      const { status, text, body: answer } = await client.post(`/sessions/${recorder.sessionId}/tasks`, body)
      assert.equal(status, 202, text)
      recorder.accepted.add(String(answer.task_id))
    }
    await delay(Math.max(0, moment - Date.now() + round.pick.integer(-5, 10)))
    assert.equal(await daemon.end('SIGTERM'), 0)
    const next = await round.start({ args: ['--agent', agent] })
    await checkNoProcess(round.marker)
    const reasons = new Map<string, number>()
    for (const recorder of recorders) {
      const ends = (await checkSession(next.client, recorder)).filter(({ type }) => isEnd(type))
      assert.equal(ends.length, 1)
      const reason = ends[0]?.payload.error?.code ?? ends[0]?.payload.reason ?? ''
      assert.ok(['deadline_exceeded', 'daemon_shutdown'].includes(reason), `a task ended because of ${reason}`)
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
    }
    for (const [reason, tasks] of reasons) round.figure(reason, tasks)
  },
}

export const signalFaults: readonly Fault[] = [terminate, signals, storm, deadlines]
