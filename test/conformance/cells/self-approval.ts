import { join } from 'node:path'
import { expect } from 'vitest'
import type { Cell } from '../cell.ts'
import { first } from '../events.ts'
import { finish, waitingCall, waitingCalls, type Requested } from '../round.ts'
import { shell } from '../script.ts'
import type { Stage } from '../stage.ts'
import { until } from '../until.ts'

const program = join(import.meta.dirname, '../attacks/self-approval.ts')

interface Report {
  readonly attempts: readonly { readonly target: string; readonly answer: string }[]
}

export const selfApproval: readonly Cell[] = [
  {
    name: "ask: a command cannot say yes in the person's place: it cannot reach the daemon, and no port, socket or pipe of its agent listens to it",
    async run(stage) {
      // Behind the wall the agent's own parent has the number 1.
      const attempts = await playAttack(stage, 'auto', 1)
      expect(attempts.find(({ target }) => target === 'daemon')?.answer).toMatch(/^failed: .*fetch failed/)
    },
  },
  {
    name: "without the daemon's sandbox, ask: a command cannot say yes in the person's place, neither to the daemon nor to its agent",
    async run(stage) {
      const attempts = await playAttack(stage, 'off', process.pid)
      // The daemon knew the attack for what it was.
      expect(attempts.find(({ target }) => target === 'daemon')?.answer).toBe('403 0')
    },
  },
]

/** What a command tried that a person approved while another call waited, and what was answered; nothing of it came to the other call. */
async function playAttack(stage: Stage, sandbox: 'auto' | 'off', parentOfAgent: number): Promise<Report['attempts']> {
  await using daemon = await stage.open()
  const { client } = daemon
  const report = join(stage.folder.workspace, 'report.json')
  const touch = shell('touch made.txt')
  const attack = shell([process.execPath, program, client.url, parentOfAgent, report].join(' '), { leave: 'It needs the network.' })
  // Where an agent asks about one call at a time, the other one waits in a session of its own.
  const together = stage.subject.capabilities.supports_parallel_tool_calls
  stage.script({
    attack: [{ tools: together ? [attack, touch] : [attack] }, { text: 'I tried.' }],
    touch: [{ tools: [touch] }, { text: 'Not made.' }],
  })
  const start = async (prompt: string) => {
    const session = await client.createSession(stage.session({ sandbox, readableRoots: [program] }))
    return { session, task: await client.startTask(session.session_id, prompt) }
  }
  const attacker = await start('attack')
  const victim = together ? attacker : await start('touch')
  const calls = together
    ? await waitingCalls(client, attacker.session, 2)
    : [await waitingCall(client, attacker.session), await waitingCall(client, victim.session)]
  const isVictim = ({ payload }: Requested) => payload.title === 'touch made.txt'
  await client.approve(first(calls.filter((call) => !isVictim(call))))
  const text = await until(async () => stage.folder.read('report.json'))
  const { attempts } = JSON.parse(text) as Report
  // The attack took place.
  expect(attempts.map(({ target }) => target)).toContain('stdin of the agent')
  const waiting = first(calls.filter(isVictim))
  const { tool_call_id } = waiting.payload
  expect((await client.get('/approvals')).body.approvals, text).toMatchObject([{ tool_call_id }])
  expect((await client.deny(waiting, 'no')).status).toBe(200)
  for (const { session, task } of new Set([attacker, victim])) expect((await finish(client, session, task)).end.type).toBe('task.completed')
  expect(await stage.folder.read('made.txt')).toBeNull()
  return attempts
}
