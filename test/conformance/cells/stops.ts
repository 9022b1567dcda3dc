import { expect } from 'vitest'
import type { Cell } from '../cell.ts'
import { heard } from '../heard.ts'
import type { LiveProcess } from '../processes.ts'
import { decisions, first, ofType, only } from '../events.ts'
import { finish, play, waitingCall } from '../round.ts'
import { endlessTalk, shell } from '../script.ts'
import type { Stage } from '../stage.ts'
import { until } from '../until.ts'

/** Nothing ends it but a signal. Not `sleep`: some agents refuse to wait. */
const endless = 'tail -s 7771 -f /dev/null'

/** The endless commands that run. */
async function sleepers(stage: Stage): Promise<readonly LiveProcess[]> {
  return (await stage.processes()).filter(({ args }) => args.join(' ') === endless)
}

const stopUrl = ({ session_id, task_id }: { session_id: string; task_id: string }) => `/sessions/${session_id}/tasks/${task_id}/stop`

export const stops: readonly Cell[] = [
  {
    name: 'stop while an answer is streamed: the block ends as it was shown, and the model is left alone',
    async run(stage) {
      stage.script({ talk: [endlessTalk] })
      await using daemon = await stage.open()
      const { client } = daemon
      const session = await client.createSession(stage.session())
      const task = await client.startTask(session.session_id, 'talk')
      await client.event(session.session_id, 'model.output.delta')
      expect((await client.post(stopUrl(task))).body).toMatchObject({ ok: true, task_id: task.task_id })
      const { end, events } = await finish(client, session, task)
      expect([end.type, end.payload.reason]).toEqual(['task.stopped', 'stopped_by_user'])
      const shown = ofType(events, 'model.output.delta')
        .map(({ payload }) => payload.delta)
        .join('')
      expect(only(events, 'model.output.completed').payload).toMatchObject({ partial: true, content: [{ type: 'text', text: shown }] })
      await stage.model.journal.waitFor(({ outcome }) => outcome === 'aborted')
      // Stopping again changes nothing.
      expect((await client.post(stopUrl(task))).body).toEqual({ ok: true, task_id: task.task_id, status: 'stopped' })
    },
  },
  {
    name: 'an agent that is stopped lives on and takes the next task',
    needs: { cancellation_model: 'interrupt' },
    proves: { cancellation_model: 'interrupt' },
    async run(stage) {
      stage.script({ talk: [endlessTalk], after: [{ text: 'Yes?' }] })
      await using daemon = await stage.open()
      const { client } = daemon
      const session = await client.createSession(stage.session())
      const task = await client.startTask(session.session_id, 'talk')
      await client.event(session.session_id, 'model.output.delta')
      const agents = await stage.agents()
      await client.post(stopUrl(task))
      await finish(client, session, task)
      expect((await play(client, session, 'after')).end.type).toBe('task.completed')
      expect(await stage.agents()).toEqual(agents)
    },
  },
  {
    name: 'stop while a command runs: that very process is gone',
    quick: true,
    proves: { supports_stop: true },
    async run(stage) {
      stage.script({ wait: [{ tools: [shell(`env sh -c 'echo $$ > pid.txt; exec ${endless}'`)] }] })
      await using daemon = await stage.open()
      const { client } = daemon
      const session = await client.createSession(stage.session({ permissionMode: 'yolo' }))
      const task = await client.startTask(session.session_id, 'wait')
      await client.event(session.session_id, 'tool.call.started')
      await until(async () => (await sleepers(stage)).length === 1)
      expect(await stage.folder.read('pid.txt')).toBe(`${first(await sleepers(stage)).ownPid}\n`)
      await client.post(stopUrl(task))
      const { end, events } = await finish(client, session, task)
      expect(end.type).toBe('task.stopped')
      expect(only(events, 'tool.call.completed').payload.is_error).toBe(true)
      expect(await sleepers(stage)).toEqual([])
    },
  },
  {
    name: 'stop while a command runs that has put others into the background: all are gone',
    async run(stage) {
      stage.script({ wait: [{ tools: [shell(`setsid ${endless} & nohup ${endless} & ${endless}`)] }] })
      await using daemon = await stage.open()
      const { client } = daemon
      const session = await client.createSession(stage.session({ permissionMode: 'auto' }))
      const task = await client.startTask(session.session_id, 'wait')
      await client.event(session.session_id, 'tool.call.started')
      await until(async () => (await sleepers(stage)).length === 3)
      await client.post(stopUrl(task))
      expect((await finish(client, session, task)).end.type).toBe('task.stopped')
      expect(await sleepers(stage)).toEqual([])
    },
  },
  {
    name: 'a command in the background does not outlive its task',
    async run(stage) {
      stage.script({ leave: [{ tools: [shell(`(setsid ${endless} > /dev/null 2>&1 &); echo left`)] }, { text: 'It runs on.' }] })
      await using daemon = await stage.open()
      const { end } = await play(daemon.client, stage.session({ permissionMode: 'yolo' }), 'leave')
      expect(end.type).toBe('task.completed')
      expect(await sleepers(stage)).toEqual([])
    },
  },
  {
    name: 'stop while a decision is pending: it is denied before the task ends, and a late yes changes nothing',
    async run(stage) {
      stage.script({ touch: [{ tools: [shell('touch made.txt')] }, { text: 'Made it.' }] })
      await using daemon = await stage.open()
      const { client } = daemon
      const session = await client.createSession(stage.session())
      const task = await client.startTask(session.session_id, 'touch')
      const call = await waitingCall(client, session)
      await client.post(stopUrl(task))
      const { end, events } = await finish(client, session, task)
      expect(end.type).toBe('task.stopped')
      expect(only(events, 'tool.call.denied').payload).toMatchObject({ decided_by: 'daemon', reason: 'stopped_by_user' })
      const late = await client.approve(call)
      expect(late.status).toBe(409)
      expect(late.body).toMatchObject({ error: 'already_decided', decision: 'denied', decided_by: 'daemon' })
      expect((await client.deny(call, 'no')).status).toBe(409)
      expect(await stage.folder.read('made.txt')).toBeNull()
    },
  },
  {
    name: 'stop while queued: the task ends at once, and the agent never hears of it',
    async run(stage) {
      stage.script({ first: [{ tools: [shell('touch made.txt')] }, { text: 'Made it.' }], 'not-to-be-heard': [{ text: 'Never said.' }] })
      await using daemon = await stage.open()
      const { client } = daemon
      const session = await client.createSession(stage.session())
      const first = await client.startTask(session.session_id, 'first')
      await waitingCall(client, session)
      const second = await client.startTask(session.session_id, 'not-to-be-heard')
      expect(second.phase).toBe('queued')
      expect((await client.post(stopUrl(second))).body).toEqual({ ok: true, task_id: second.task_id, status: 'stopped' })
      const stopped = await finish(client, session, second)
      expect(stopped.events.map(({ type }) => type)).toEqual(['task.queued', 'task.stopped'])
      // Here the call is still waiting: one task's stop is not the other's.
      const { end, events } = await finish(client, session, first, () => null)
      expect(end.type).toBe('task.completed')
      expect(decisions(events)).toEqual(['touch made.txt: approved by user (person)'])
      expect(heard(stage.model, 'not-to-be-heard')).toBe(false)
    },
  },
  {
    name: 'stop while the agent is starting: the task ends, and the next one runs',
    async run(stage) {
      stage.script({ hello: [{ text: 'Hello.' }], again: [{ text: 'Hello again.' }] })
      await using daemon = await stage.open()
      const { client } = daemon
      const session = await client.createSession(stage.session())
      const task = await client.startTask(session.session_id, 'hello')
      expect(task.phase).toBe('starting')
      await client.post(stopUrl(task))
      const { end, events } = await finish(client, session, task)
      expect([end.type, end.payload.reason]).toEqual(['task.stopped', 'stopped_by_user'])
      expect(ofType(events, 'model.output.delta')).toEqual([])
      expect((await play(client, session, 'again')).end.type).toBe('task.completed')
    },
  },
  {
    name: 'a deadline ends the task as failed, and its command with it',
    async run(stage) {
      stage.script({ wait: [{ tools: [shell(endless)] }], after: [{ text: 'Here.' }] })
      await using daemon = await stage.open()
      const { client } = daemon
      const session = await client.createSession(stage.session({ permissionMode: 'auto' }))
      // The deadline is that of the command, not of an agent that is slow to start.
      await play(client, session, 'after')
      const { end } = await play(client, session, 'wait', { task: { timeoutMs: 3_000 } })
      expect(end.type).toBe('task.failed')
      expect(end.payload.error).toMatchObject({ code: 'deadline_exceeded', retryable: true })
      expect(await sleepers(stage)).toEqual([])
      expect((await play(client, session, 'after')).end.type).toBe('task.completed')
    },
  },
]
