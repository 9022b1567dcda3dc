import type { TestClient } from '../../harness/client.ts'
import { expect } from 'vitest'
import type { Cell } from '../cell.ts'
import { decisions, ofType, only } from '../events.ts'
import { heard } from '../heard.ts'
import { play, type Round } from '../round.ts'
import { shell } from '../script.ts'
import type { Stage } from '../stage.ts'
import type { SessionBody } from '../subject.ts'

const why = 'It has to be beside the workspace.'
const leave = { leave: why }

/** Wishes of a command to leave the sandbox: agents that have one of their own have a word for that. Others are asked about files alone. */
export const escalations: readonly Cell[] = [
  {
    name: 'ask: a command that wants out of the sandbox is asked as such, and approved it still runs inside',
    needs: { own_confinement: 'sandbox' },
    async run(stage) {
      await using daemon = await stage.open()
      const { events } = await playLeave(stage, daemon.client, stage.session())
      expect(only(events, 'tool.call.completed').payload).toMatchObject({ execution_env: 'sandbox', confinement_denials: [refused] })
      expect(await stage.folder.read('../outside.txt')).toBeNull()
    },
  },
  {
    name: "without the daemon's sandbox, ask: a command that wants out of the agent's own is asked as such, and approved it gets out",
    needs: { own_confinement: 'sandbox' },
    async run(stage) {
      await using daemon = await stage.open()
      const { events } = await playLeave(stage, daemon.client, stage.session({ sandbox: 'off' }))
      expect(only(events, 'tool.call.completed').payload).toMatchObject({ is_error: false })
      expect(await stage.folder.read('../outside.txt')).toBe('out\n')
    },
  },
  {
    name: 'auto: a wish to leave the sandbox is denied with a reason that the model hears',
    quick: true,
    needs: { own_confinement: 'sandbox' },
    async run(stage) {
      await using daemon = await stage.open()
      const { events } = await playRefused(stage, daemon.client, stage.session({ permissionMode: 'auto' }))
      expect(only(events, 'tool.call.completed').payload).toMatchObject({
        is_error: true,
        execution_env: 'sandbox',
        confinement_denials: [refused],
      })
    },
  },
  {
    name: "without the daemon's sandbox, auto: the agent's own holds, and a wish to leave it is denied with a reason that the model hears",
    needs: { own_confinement: 'sandbox' },
    proves: { own_confinement: 'sandbox' },
    async run(stage) {
      await using daemon = await stage.open()
      const { events } = await playRefused(stage, daemon.client, stage.session({ sandbox: 'off', permissionMode: 'auto' }))
      expect(only(events, 'tool.call.completed').payload).toMatchObject({ is_error: true, execution_env: 'sandbox' })
      expect(ofType(events, 'runtime.notice').map(({ payload }) => payload.kind)).not.toContain('unconfined')
    },
  },
  {
    name: 'auto with escalation "ask": a wish to leave the sandbox waits, and approved it still runs inside',
    needs: { own_confinement: 'sandbox' },
    async run(stage) {
      await using daemon = await stage.open()
      const session = stage.session({ permissionMode: 'auto', escalation: 'ask' })
      const { events } = await playOnce(stage, daemon.client, session)
      expect(only(events, 'tool.call.completed').payload).toMatchObject({ execution_env: 'sandbox', confinement_denials: [refused] })
      expect(await stage.folder.read('../outside.txt')).toBeNull()
    },
  },
  {
    name: 'without the daemon\'s sandbox, auto with escalation "ask": a wish to leave the agent\'s own waits, and approved it gets out',
    needs: { own_confinement: 'sandbox' },
    async run(stage) {
      await using daemon = await stage.open()
      const session = stage.session({ sandbox: 'off', permissionMode: 'auto', escalation: 'ask' })
      const { events } = await playOnce(stage, daemon.client, session)
      expect(only(events, 'tool.call.completed').payload).toMatchObject({ is_error: false, execution_env: 'host' })
      expect(await stage.folder.read('../outside.txt')).toBe('out\n')
    },
  },
  {
    name: 'auto with escalation "ask": an edit outside the workspace waits, and approved it fails all the same',
    needs: { own_confinement: 'tool_paths' },
    remark: ({ refusesOutside }) => (refusesOutside ? 'refused by the tools of the agent itself' : null),
    async run(stage) {
      const { folder, subject } = stage
      stage.script({ leave: [{ tools: [{ tool: 'write', path: `${folder.path}/outside.txt`, text: 'out\n' }] }, { text: 'It failed.' }] })
      await using daemon = await stage.open()
      const { end, events } = await play(daemon.client, stage.session({ permissionMode: 'auto', escalation: 'ask' }), 'leave', {
        decide: () => null,
      })
      expect(end.type).toBe('task.completed')
      const decided = decisions(events).map((one) => one.replace(/.*: /, ''))
      if (!subject.refusesOutside) expect(decided).toEqual(['approved by user (person)'])
      expect(ofType(events, 'tool.call.completed').map(({ payload }) => payload.is_error)).not.toContain(false)
      expect(await folder.read('../outside.txt')).toBeNull()
    },
  },
]

/** What the wall says of the file that such a command wants to write. */
const refused = { kind: 'file', target: '../outside.txt', source: 'output' }

/** A person approves a command that asks to leave the sandbox. */
async function playLeave(stage: Stage, client: TestClient, session: SessionBody): Promise<Round> {
  stage.script({ leave: [{ tools: [shell('echo out > ../outside.txt', leave)] }, { text: 'As you say.' }] })
  const round = await play(client, session, 'leave', {
    decide({ payload }) {
      expect(payload).toMatchObject({ escalated: true, reason: why })
      return null
    },
  })
  expect(round.end.type).toBe('task.completed')
  return round
}

/** One command that stays in the sandbox and fails, and one that wants out and is denied. */
async function playRefused(stage: Stage, client: TestClient, session: SessionBody): Promise<Round> {
  const command = 'touch ../outside.txt'
  stage.script({ leave: [{ tools: [shell(command)] }, { tools: [shell(command, leave)] }, { text: 'I could not.' }] })
  const round = await play(client, session, 'leave')
  expect(round.end.type).toBe('task.completed')
  const denied = only(round.events, 'tool.call.denied').payload
  expect(denied).toMatchObject({
    decided_by: 'policy',
    policy_snapshot: { permission_mode: 'auto', decision: 'deny', sources: ['escalation_denied'] },
  })
  expect(heard(stage.model, denied.reason ?? '', { leg: 2 })).toBe(true)
  expect(await stage.folder.read('../outside.txt')).toBeNull()
  return round
}

/** Two commands that want out: one is approved, one is denied. */
async function playOnce(stage: Stage, client: TestClient, session: SessionBody): Promise<Round> {
  stage.script({
    leave: [
      { tools: [shell('echo out > ../outside.txt', leave)] },
      { tools: [shell('echo again > ../outside.txt', leave)] },
      { text: 'Once.' },
    ],
  })
  const round = await play(client, session, 'leave', {
    decide({ payload }) {
      expect(payload.escalated).toBe(true)
      return payload.title.includes('again') ? 'Once is enough.' : null
    },
  })
  expect(round.end.type).toBe('task.completed')
  expect(decisions(round.events).map((one) => one.replace(/.*: /, ''))).toEqual(['approved by user (person)', 'denied by user (person)'])
  return round
}
