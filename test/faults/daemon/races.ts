import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { argumentsOf, processesWith } from '../../lifecycle/testing/processes.ts'
import type { Fault, Round } from '../fault.ts'
import { launch, type Launched } from '../launch.ts'
import { checkRuns, checkSession } from '../oracle.ts'
import { Recorder, type Asked } from '../recorder.ts'
import { toArgs } from '../run-fault.ts'

interface Arena extends AsyncDisposable {
  readonly daemon: Launched
  readonly recorder: Recorder
  readonly marker: string
  readonly workspace: string
}

async function openArena(round: Round): Promise<Arena> {
  await using stack = new AsyncDisposableStack()
  const { path } = stack.use(await mkdtempDisposable(join(tmpdir(), 'codesdkd-fault-')))
  const daemon = stack.use(await launch({ args: toArgs(join(path, 'state')) }))
  const marker = `marker-${crypto.randomUUID()}`
  const recorder = await Recorder.create(daemon.client, round.session({ cwd: path, env: { MARKER: marker } }))
  const parts = stack.move()
  return { daemon, recorder, marker, workspace: path, [Symbol.asyncDispose]: () => parts.disposeAsync() }
}

type Contender = 'approve' | 'deny' | 'stop' | 'exit'

const pairs: readonly (readonly [Contender, Contender])[] = [
  ['approve', 'stop'],
  ['approve', 'deny'],
  ['approve', 'exit'],
  ['deny', 'stop'],
  ['approve', 'approve'],
]

async function contend({ daemon, recorder, marker }: Arena, contender: Contender, asked: Asked, taskId: string): Promise<void> {
  switch (contender) {
    case 'approve':
    case 'deny': {
      const { status, text } = await recorder.decide(daemon.client, contender, asked)
      assert.ok(status === 200 || status === 404 || status === 409, `${contender}: ${status} ${text}`)
      return
    }
    case 'stop': {
      const { status, text } = await daemon.client.post(`/sessions/${recorder.sessionId}/tasks/${taskId}/stop`)
      assert.ok(status < 300 || status === 409, `stop: ${status} ${text}`)
      return
    }
    case 'exit':
      for (const pid of processesWith(marker).filter((one) => argumentsOf(one).includes('scripted-agent'))) process.kill(pid, 'SIGKILL')
      return
    default:
      contender satisfies never
  }
}

const races: Fault = {
  id: 'F36',
  name: 'approve against stop, deny, approve or the exit of the agent, in the same moment',
  rounds: { short: 15, long: 1_000 },
  async run(round) {
    const arena = await round.keep(() => openArena(round))
    const { daemon, recorder, workspace } = arena
    const taskId = await recorder.task(daemon.client, { tool: {} })
    const asked = await recorder.question(daemon.client)
    const pair = pairs[round.index % pairs.length] ?? ['approve', 'stop']
    await Promise.all(
      pair.map(async (contender) => {
        await delay(round.pick.integer(0, 3))
        await contend(arena, contender, asked, taskId)
      }),
    )
    await recorder.end(daemon.client, taskId)
    const events = await checkSession(daemon.client, recorder)
    const decisions = events.filter(
      ({ type, payload }) => /^tool\.call\.(approved|denied)$/.test(type) && payload.tool_call_id === asked.toolCallId,
    )
    assert.equal(decisions.length, 1, `${pair.join(' against ')}: ${decisions.length} decisions`)
    checkRuns(workspace, events)
    if (round.index % 50 === 49) await round.renew()
  },
}

export const raceFaults: readonly Fault[] = [races]
