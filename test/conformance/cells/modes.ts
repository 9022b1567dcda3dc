import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { Cell } from '../cell.ts'
import { heard } from '../heard.ts'
import { deeds, only, ofType } from '../events.ts'
import { play } from '../round.ts'
import { mend, shell } from '../script.ts'

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
      expect(ofType(deeds(events), 'tool.call.completed').map(({ payload }) => [payload.is_error, payload.execution_env])).toEqual([
        [false, 'sandbox'],
        [false, 'sandbox'],
      ])
      expect(await stage.folder.read('made.txt')).toBe('')
      expect(await stage.folder.read('greet.js')).toContain('Hello')
    },
  },
  {
    name: 'auto: a command that writes outside fails and the log says what the sandbox refused; an edit outside is denied, and the model hears why',
    quick: true,
    proves: { confinement: 'sandbox' },
    remark: ({ refusesOutside }) => (refusesOutside ? 'edits: by the tools of the agent itself' : null),
    async run(stage) {
      const { folder, subject } = stage
      const beside = join(folder.path, 'beside')
      await mkdir(beside)
      stage.script({
        leave: [
          { tools: [{ tool: 'write', path: join(folder.path, 'outside.txt'), text: 'out\n' }] },
          { tools: [shell('touch ../shell.txt')] },
          { tools: [shell('touch ../beside/made.txt')] },
          { text: 'One of three.' },
        ],
      })
      await using daemon = await stage.open()
      const { client } = daemon
      const session = await client.createSession(stage.session({ permissionMode: 'auto', writableRoots: [beside] }))
      const { confinement, sandbox } = only(await client.events(session.session_id), 'session.created').payload
      expect([confinement, sandbox]).toEqual([
        'sandbox',
        { mode: 'auto', writable_roots: [beside], readable_roots: [], network: { allow: [] } },
      ])
      const { end, events } = await play(client, session, 'leave')
      expect(end.type).toBe('task.completed')
      const denied = ofType(events, 'tool.call.denied').map(({ payload }) => payload)
      if (!subject.refusesOutside) {
        expect(denied).toMatchObject([{ decided_by: 'policy', policy_snapshot: { decision: 'deny', sources: ['outside_workspace'] } }])
        expect(heard(stage.model, denied[0]?.reason ?? '', { leg: 1 })).toBe(subject.capabilities.supports_deny_reason)
      } else expect(denied).toEqual([])
      const commands = ofType(events, 'tool.call.completed').filter(({ payload }) => payload.name === subject.tools.shell.name)
      expect(commands.map(({ payload }) => payload)).toMatchObject([
        {
          is_error: true,
          execution_env: 'sandbox',
          confinement_denials: [{ kind: 'file', target: '../shell.txt', reason: 'read-only in the sandbox', source: 'output' }],
        },
        { is_error: false, execution_env: 'sandbox' },
      ])
      const [outside, shellFile, made] = await Promise.all(
        ['outside.txt', 'shell.txt', 'beside/made.txt'].map((name) => folder.read(`../${name}`)),
      )
      expect([outside, shellFile, made]).toEqual([null, null, ''])
      expect(ofType(await client.events(session.session_id), 'runtime.notice').map(({ payload }) => payload.kind)).not.toContain(
        'unconfined',
      )
    },
  },
  {
    name: "without the daemon's sandbox, auto: edits outside the workspace are refused, commands are confined by nothing, and the log says so once",
    quick: true,
    needs: { own_confinement: 'tool_paths' },
    proves: { own_confinement: 'tool_paths' },
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
      const { end, events, session } = await play(daemon.client, stage.session({ sandbox: 'off', permissionMode: 'auto' }), 'leave')
      expect(end.type).toBe('task.completed')
      expect([await folder.read('../outside.txt'), await folder.read('../shell.txt')]).toEqual([null, ''])
      expect(only(events, 'tool.call.completed').payload.execution_env).toBe('host')
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
    name: "without the daemon's sandbox, auto: nothing confines the agent, and the log says so",
    needs: { own_confinement: 'none' },
    proves: { own_confinement: 'none' },
    async run(stage) {
      stage.script({ leave: [{ tools: [shell('touch ../outside.txt')] }, { text: 'Out.' }] })
      await using daemon = await stage.open()
      const { end, events } = await play(daemon.client, stage.session({ sandbox: 'off', permissionMode: 'auto' }), 'leave')
      expect(end.type).toBe('task.completed')
      expect(await stage.folder.read('../outside.txt')).toBe('')
      expect(ofType(events, 'runtime.notice').map(({ payload }) => payload.kind)).toContain('unconfined')
    },
  },
  {
    name: 'yolo: everything runs and nobody is asked, and the sandbox stands',
    async run(stage) {
      stage.script({ all: [{ tools: [shell('touch made.txt ../outside.txt')] }, ...mend(stage.subject), { text: 'All but one.' }] })
      await using daemon = await stage.open()
      const { end, events } = await play(daemon.client, stage.session({ permissionMode: 'yolo' }), 'all')
      expect(end.type).toBe('task.completed')
      expect(ofType(events, 'tool.call.denied')).toEqual([])
      expect(ofType(events, 'tool.call.approved').map(({ payload }) => payload.decided_by)).not.toContain('user')
      expect(ofType(deeds(events), 'tool.call.completed').map(({ payload }) => payload)).toMatchObject([
        { is_error: true, execution_env: 'sandbox', confinement_denials: [{ kind: 'file', target: '../outside.txt' }] },
        { is_error: false, execution_env: 'sandbox' },
      ])
      expect([await stage.folder.read('made.txt'), await stage.folder.read('../outside.txt')]).toEqual(['', null])
      expect(await stage.folder.read('greet.js')).toContain('Hello')
    },
  },
  {
    name: "without the daemon's sandbox, yolo: everything runs, wherever",
    async run(stage) {
      stage.script({ all: [{ tools: [shell('touch made.txt ../outside.txt')] }, { text: 'All of it.' }] })
      await using daemon = await stage.open()
      const { end, events } = await play(daemon.client, stage.session({ sandbox: 'off', permissionMode: 'yolo' }), 'all')
      expect(end.type).toBe('task.completed')
      expect(only(events, 'tool.call.completed').payload).toMatchObject({ is_error: false, execution_env: 'host' })
      expect([await stage.folder.read('made.txt'), await stage.folder.read('../outside.txt')]).toEqual(['', ''])
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
