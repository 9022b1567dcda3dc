import { symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { Cell } from '../cell.ts'
import { decisions, deeds, ofType, only, said } from '../events.ts'
import { finish, play, waitingCall } from '../round.ts'
import { mend, mended, shell } from '../script.ts'
import { heard } from '../heard.ts'

/** Lines that begin like something harmless, and are not. */
const disguised = [
  'cat greet.js > copy.js',
  'ls; touch made.txt',
  'ls && touch made.txt',
  'cat $(touch made.txt)',
  'find . -name greet.js -exec touch made.txt {} +',
  'git -c core.pager="touch made.txt" log',
  'cat ../outside.txt',
  'cat link.txt',
  'cat /etc/hostname',
]

export const approvals: readonly Cell[] = [
  {
    name: 'ask: an approved command runs',
    quick: true,
    proves: ({ permission_model }) => ({
      supports_tool_calls: true,
      // The agent asks and waits, whichever way it is answered.
      permission_model: permission_model === 'callback' ? 'callback' : 'request',
      tool_execution_model: 'runtime',
    }),
    async run(stage) {
      stage.script({ touch: [{ tools: [shell('touch made.txt')] }, { text: 'Made it.' }] })
      await using daemon = await stage.open()
      const { end, events } = await play(daemon.client, stage.session(), 'touch', {
        decide(call) {
          expect(call.payload).toMatchObject({
            ...stage.subject.tools.shell,
            title: 'touch made.txt',
            input: stage.subject.tools.shellInput('touch made.txt', stage.folder.workspace),
          })
          expect(call.payload.escalated).toBeUndefined()
          return null
        },
      })
      expect(end.type).toBe('task.completed')
      expect(decisions(events)).toEqual(['touch made.txt: approved by user (person)'])
      expect(only(events, 'tool.call.completed').payload).toMatchObject({ executed_by: 'runtime', is_error: false })
      expect(await stage.folder.read('made.txt')).toBe('')
      expect(said(events)).toEqual(['Made it.'])
    },
  },
  {
    name: 'ask: nothing happens while a command waits, and only the decision about it counts, once',
    async run(stage) {
      stage.script({ touch: [{ tools: [shell('touch made.txt')] }, { text: 'Made it.' }] })
      await using daemon = await stage.open()
      const { client } = daemon
      const session = await client.createSession(stage.session())
      const task = await client.startTask(session.session_id, 'touch')
      const call = await waitingCall(client, session)
      const { runtime_tool_call_id: _native, ...asked } = call.payload
      expect(await client.task(task)).toMatchObject({ status: 'running', phase: 'waiting_approval' })
      expect((await client.get('/approvals')).body.approvals).toMatchObject([
        { ...asked, session_id: session.session_id, task_id: task.task_id },
      ])
      expect(await stage.folder.read('made.txt')).toBeNull()
      const later = { ...call, payload: { ...call.payload, attempt: 2 } }
      const other = { ...call, payload: { ...call.payload, input_hash: `sha256:${'0'.repeat(64)}` } }
      expect((await client.approve(later)).body.error).toBe('attempt_mismatch')
      expect((await client.approve(other)).body.error).toBe('input_hash_mismatch')
      expect(await stage.folder.read('made.txt')).toBeNull()
      const answers = [await client.approve(call), await client.approve(call), await client.deny(call, 'changed my mind')]
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 409])
      const { end } = await finish(client, session, task)
      expect(end.payload.receipt.approvals).toMatchObject({ approved: 1, denied: 0, by_user: 1 })
      expect(await stage.folder.read('made.txt')).toBe('')
      expect((await client.get('/approvals')).body.approvals).toEqual([])
    },
  },
  {
    name: 'ask: a denied command does not run, the model hears why, and the task goes on',
    quick: true,
    needs: { supports_deny_reason: true },
    proves: { supports_deny_reason: true },
    async run(stage) {
      stage.script({ touch: [{ tools: [shell('touch made.txt')] }, { text: 'Then I will not.' }] })
      await using daemon = await stage.open()
      const reason = 'This file belongs to somebody else.'
      const { end, events } = await play(daemon.client, stage.session(), 'touch', { decide: () => reason })
      expect(end.type).toBe('task.completed')
      expect(only(events, 'tool.call.denied').payload).toMatchObject({ decided_by: 'user', reason })
      expect(ofType(events, 'tool.call.started')).toEqual([])
      expect(await stage.folder.read('made.txt')).toBeNull()
      expect(said(events)).toEqual(['Then I will not.'])
      expect(heard(stage.model, reason, { leg: 1 })).toBe(true)
    },
  },
  {
    name: 'ask: a denied command does not run, the task goes on, and the capabilities say that the model does not hear why',
    needs: { supports_deny_reason: false },
    proves: { supports_deny_reason: false },
    async run(stage) {
      stage.script({ touch: [{ tools: [shell('touch made.txt')] }, { text: 'Then I will not.' }] })
      await using daemon = await stage.open()
      const reason = 'This file belongs to somebody else.'
      const { end, events } = await play(daemon.client, stage.session(), 'touch', { decide: () => reason })
      expect(end.type).toBe('task.completed')
      expect(only(events, 'tool.call.denied').payload).toMatchObject({ decided_by: 'user', reason })
      expect(ofType(events, 'tool.call.started')).toEqual([])
      expect(await stage.folder.read('made.txt')).toBeNull()
      expect(heard(stage.model, reason)).toBe(false)
    },
  },
  {
    name: 'ask: what only reads in the workspace runs unasked',
    quick: true,
    async run(stage) {
      const lines = ['cat greet.js', 'ls -la', 'git log --oneline', 'grep -n Helo greet.js | head -3']
      stage.script({ look: [...lines.map((line) => ({ tools: [shell(line)] })), { text: 'Seen.' }] })
      await using daemon = await stage.open()
      const { end, events } = await play(daemon.client, stage.session(), 'look')
      expect(end.type).toBe('task.completed')
      expect(decisions(events)).toEqual(lines.map((line) => `${line}: approved by policy (read_only)`))
      expect(ofType(events, 'tool.call.completed').map(({ payload }) => payload.is_error)).toEqual([false, false, false, false])
      expect(ofType(events, 'tool.call.completed')[0]?.payload.result_preview).toContain('Helo')
    },
  },
  {
    name: 'ask: what is disguised as a reader is asked',
    async run(stage) {
      await writeFile(join(stage.folder.path, 'outside.txt'), 'not for the model')
      await symlink('../outside.txt', join(stage.folder.workspace, 'link.txt'))
      stage.script({ sneak: [...disguised.map((line) => ({ tools: [shell(line)] })), { text: 'As you like.' }] })
      await using daemon = await stage.open()
      const { end, events } = await play(daemon.client, stage.session(), 'sneak', { decide: () => 'no' })
      expect(end.type).toBe('task.completed')
      expect(decisions(events)).toEqual(disguised.map((line) => `${line}: denied by user (person)`))
      expect([await stage.folder.read('made.txt'), await stage.folder.read('copy.js')]).toEqual([null, null])
      expect(heard(stage.model, 'not for the model')).toBe(false)
    },
  },
  {
    name: 'ask: an approved edit is in the file, and its diff was in the request',
    quick: true,
    async run(stage) {
      stage.script({ edit: [...mend(stage.subject), { text: 'Mended.' }] })
      await using daemon = await stage.open()
      const { end, events } = await play(daemon.client, stage.session(), 'edit', {
        decide({ payload }) {
          expect(payload).toMatchObject({
            ...stage.subject.tools.edit,
            locations: [{ path: join(stage.folder.workspace, 'greet.js') }],
          })
          expect(payload.diff).toContain(`-export const greet = (name) => \`Helo, \${name}!\`;\n+${mended}`)
          return null
        },
      })
      expect(end.type).toBe('task.completed')
      expect(await stage.folder.read('greet.js')).toBe(`${mended}\n`)
      expect(only(events, 'file.changed').payload).toMatchObject({
        path: 'greet.js',
        tool_call_id: only(deeds(events), 'tool.call.requested').payload.tool_call_id,
      })
    },
  },
  {
    name: 'ask: a denied edit leaves the file as it was',
    async run(stage) {
      const before = await stage.folder.read('greet.js')
      const legs = mend(stage.subject)
      stage.script({ edit: [...legs, { text: 'Left alone.' }] })
      await using daemon = await stage.open()
      const { end, events } = await play(daemon.client, stage.session(), 'edit', { decide: () => 'It is meant to be so.' })
      expect(end.type).toBe('task.completed')
      expect(end.payload.receipt.files_changed).toEqual([])
      expect(ofType(events, 'file.changed')).toEqual([])
      expect(await stage.folder.read('greet.js')).toBe(before)
      expect(heard(stage.model, 'It is meant to be so.', { leg: legs.length })).toBe(stage.subject.capabilities.supports_deny_reason)
    },
  },
  {
    name: 'ask: what nobody decides in time is denied, and the task goes on',
    async run(stage) {
      stage.script({ touch: [{ tools: [shell('touch made.txt')] }, { text: 'Nobody was there.' }] })
      await using daemon = await stage.open()
      const { end, events } = await play(daemon.client, stage.session(), 'touch', {
        decide: () => 'leave',
        task: { approvalTimeoutMs: 300 },
      })
      expect(end.type).toBe('task.completed')
      const requested = only(events, 'tool.call.requested')
      const { result, expires_at = '' } = only(events, 'tool.call.policy_evaluated').payload
      expect(result).toBe('ask')
      expect(Date.parse(expires_at)).toBeGreaterThanOrEqual(Date.parse(requested.time) + 300)
      expect(only(events, 'tool.call.denied').payload).toMatchObject({ decided_by: 'daemon', reason: 'approval_timeout' })
      expect(await stage.folder.read('made.txt')).toBeNull()
      const late = await daemon.client.approve(requested)
      expect([late.status, late.body.error]).toEqual([409, 'already_decided'])
    },
  },
  {
    name: 'ask: the configuration of a user who allows everything changes nothing',
    async run(stage) {
      const home = join(stage.folder.path, 'home')
      await stage.subject.allowEverything(home, stage.folder.workspace)
      stage.script({ touch: [{ tools: [shell('touch made.txt')] }, ...mend(stage.subject), { text: 'Neither.' }] })
      await using daemon = await stage.open([], { HOME: home })
      const session = stage.session({ credentialNamespace: 'default', isolationLevel: 'shared' })
      const { end, events } = await play(daemon.client, session, 'touch', { decide: () => 'no' })
      expect(end.type).toBe('task.completed')
      expect(ofType(events, 'tool.call.denied').map(({ payload }) => payload.decided_by)).toEqual(['user', 'user'])
      expect(await stage.folder.read('made.txt')).toBeNull()
      expect(await stage.folder.read('greet.js')).not.toContain(mended)
      // What the user's configuration would have run by itself did not run either.
      expect(await stage.folder.read('notified')).toBeNull()
    },
  },
]
