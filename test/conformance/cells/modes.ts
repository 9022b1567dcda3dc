import { join } from 'node:path'
import { expect } from 'vitest'
import type { Cell } from '../cell.ts'
import { heard } from '../heard.ts'
import { decisions, deeds, only, ofType } from '../events.ts'
import { play } from '../round.ts'
import { mend, shell } from '../script.ts'

const leave = { leave: 'It has to be beside the workspace.' }

export const modes: readonly Cell[] = [
  {
    name: 'auto: what stays in the workspace runs, and nobody is said to have decided it',
    quick: true,
    proves: { supports_non_interactive: true },
    async run(stage) {
      stage.script({ work: [{ tools: [shell('touch made.txt')] }, ...mend(stage.subject), { text: 'Done.' }] })
      await using daemon = await stage.open()
      const { end, events } = await play(daemon.client, stage.session({ permissionMode: 'auto' }), 'work')
      expect(end.type).toBe('task.completed')
      expect(ofType(events, 'tool.call.approved').map(({ payload }) => payload.decided_by)).not.toContain('user')
      expect(ofType(deeds(events), 'tool.call.completed').map(({ payload }) => payload.is_error)).toEqual([false, false])
      expect(await stage.folder.read('made.txt')).toBe('')
      expect(await stage.folder.read('greet.js')).toContain('Hello')
    },
  },
  {
    name: 'auto: the confinement holds, and a wish to leave it is denied with a reason that the model hears',
    quick: true,
    needs: { confinement: 'sandbox' },
    proves: { confinement: 'sandbox' },
    async run(stage) {
      stage.script({
        leave: [{ tools: [shell('touch ../outside.txt')] }, { tools: [shell('touch ../outside.txt', leave)] }, { text: 'I could not.' }],
      })
      await using daemon = await stage.open()
      const { end, events } = await play(daemon.client, stage.session({ permissionMode: 'auto' }), 'leave')
      expect(end.type).toBe('task.completed')
      expect(only(events, 'tool.call.completed').payload).toMatchObject({ is_error: true, execution_env: 'sandbox' })
      expect(await stage.folder.read('../outside.txt')).toBeNull()
      const denied = only(events, 'tool.call.denied')
      expect(denied.payload).toMatchObject({
        decided_by: 'policy',
        policy_snapshot: { permission_mode: 'auto', decision: 'deny', sources: ['escalation_denied'] },
      })
      expect(heard(stage.model, denied.payload.reason ?? '', { leg: 2 })).toBe(true)
    },
  },
  {
    name: 'auto: edits outside the workspace are refused, commands are confined by nothing, and the log says so once',
    quick: true,
    needs: { confinement: 'tool_paths' },
    proves: { confinement: 'tool_paths' },
    remark: ({ refusesOutside }) => (refusesOutside ? 'by the tools of the agent itself' : null),
    async run(stage) {
      const { folder, subject } = stage
      stage.script({
        leave: [
          { tools: [{ tool: 'write', path: join(folder.path, 'outside.txt'), text: 'out\n' }] },
          { tools: [shell('touch ../shell.txt')] },
          { text: 'Half of it.' },
        ],
        again: [{ text: 'Here.' }],
      })
      await using daemon = await stage.open()
      const { end, events, session } = await play(daemon.client, stage.session({ permissionMode: 'auto' }), 'leave')
      expect(end.type).toBe('task.completed')
      expect([await folder.read('../outside.txt'), await folder.read('../shell.txt')]).toEqual([null, ''])
      const denied = ofType(events, 'tool.call.denied').map(({ payload }) => payload)
      if (subject.refusesOutside) expect(denied).toEqual([])
      else {
        expect(denied).toMatchObject([{ decided_by: 'policy', policy_snapshot: { decision: 'deny', sources: ['outside_workspace'] } }])
        expect(heard(stage.model, denied[0]?.reason ?? '', { leg: 1 })).toBe(subject.capabilities.supports_deny_reason)
      }
      await play(daemon.client, session, 'again')
      const notices = ofType(await daemon.client.events(session.session_id), 'runtime.notice').map(({ payload }) => payload.kind)
      expect(notices.filter((kind) => kind === 'unconfined')).toEqual(['unconfined'])
    },
  },
  {
    name: 'auto: nothing confines the agent, and the log says so',
    needs: { confinement: 'none' },
    proves: { confinement: 'none' },
    async run(stage) {
      stage.script({ leave: [{ tools: [shell('touch ../outside.txt')] }, { text: 'Out.' }] })
      await using daemon = await stage.open()
      const { end, events } = await play(daemon.client, stage.session({ permissionMode: 'auto' }), 'leave')
      expect(end.type).toBe('task.completed')
      expect(await stage.folder.read('../outside.txt')).toBe('')
      expect(ofType(events, 'runtime.notice').map(({ payload }) => payload.kind)).toContain('unconfined')
    },
  },
  {
    name: 'auto with escalation "ask": a wish to leave the confinement waits, and approved it gets out',
    needs: { confinement: 'sandbox' },
    async run(stage) {
      stage.script({
        leave: [
          { tools: [shell('echo out > ../outside.txt', leave)] },
          { tools: [shell('echo again > ../outside.txt', leave)] },
          { text: 'Once.' },
        ],
      })
      await using daemon = await stage.open()
      const { end, events } = await play(daemon.client, stage.session({ permissionMode: 'auto', escalation: 'ask' }), 'leave', {
        decide({ payload }) {
          expect(payload.escalated).toBe(true)
          return payload.title.includes('again') ? 'Once is enough.' : null
        },
      })
      expect(end.type).toBe('task.completed')
      expect(decisions(events).map((one) => one.replace(/.*: /, ''))).toEqual(['approved by user (person)', 'denied by user (person)'])
      expect(only(events, 'tool.call.completed').payload).toMatchObject({ is_error: false, execution_env: 'host' })
      expect(await stage.folder.read('../outside.txt')).toBe('out\n')
    },
  },
  {
    name: 'yolo: everything runs and nobody is asked',
    async run(stage) {
      stage.script({ all: [{ tools: [shell('touch made.txt ../outside.txt')] }, ...mend(stage.subject), { text: 'All of it.' }] })
      await using daemon = await stage.open()
      const { end, events } = await play(daemon.client, stage.session({ permissionMode: 'yolo' }), 'all')
      expect(end.type).toBe('task.completed')
      expect(ofType(events, 'tool.call.approved').map(({ payload }) => payload.decided_by)).not.toContain('user')
      expect(ofType(deeds(events), 'tool.call.completed').map(({ payload }) => payload.is_error)).toEqual([false, false])
      expect([await stage.folder.read('made.txt'), await stage.folder.read('../outside.txt')]).toEqual(['', ''])
      expect(await stage.folder.read('greet.js')).toContain('Hello')
    },
  },
  {
    name: 'the permission mode of a task counts for that task alone',
    async run(stage) {
      stage.script({
        freely: [{ tools: [shell('touch one.txt')] }, { text: 'One.' }],
        again: [{ tools: [shell('touch two.txt')] }, { text: 'Not two.' }],
      })
      await using daemon = await stage.open()
      const first = await play(daemon.client, stage.session(), 'freely', { task: { permissionMode: 'yolo' } })
      const second = await play(daemon.client, first.session, 'again', { decide: () => 'no' })
      expect([first.end.type, second.end.type]).toEqual(['task.completed', 'task.completed'])
      expect([await stage.folder.read('one.txt'), await stage.folder.read('two.txt')]).toEqual(['', null])
      expect(only(second.events, 'tool.call.denied').payload.policy_snapshot.permission_mode).toBe('ask')
    },
  },
]
