import type { TaskStarted } from '@codesdkd/protocol'
import { expect } from 'vitest'
import type { Cell } from '../cell.ts'
import { only } from '../events.ts'
import { turns } from '../heard.ts'
import { finish, play, waitingCall } from '../round.ts'
import { endlessTalk, shell } from '../script.ts'
import type { Stage } from '../stage.ts'
import { until } from '../until.ts'

/** Nothing ends it but a signal. */
const endless = 'tail -s 7772 -f /dev/null'

async function sleepers(stage: Stage): Promise<number> {
  return (await stage.processes()).filter(({ args }) => args.join(' ') === endless).length
}

const taskUrl = ({ session_id, task_id }: Pick<TaskStarted, 'session_id' | 'task_id'>) => `/sessions/${session_id}/tasks/${task_id}`
const body = (content: string, more: object) => ({ messages: [{ role: 'user', content }], ...more })

const script = {
  first: [{ tools: [shell('touch made.txt')] }, { text: 'Made it.' }],
  second: [{ text: 'The second.' }],
}

export const turnControl: readonly Cell[] = [
  {
    name: 'a message that steers is in the next request of the turn that runs',
    quick: true,
    needs: { supports_steer: true },
    proves: { supports_steer: true },
    async run(stage) {
      stage.script(script)
      await using daemon = await stage.open()
      const { client } = daemon
      const session = await client.createSession(stage.session())
      const first = await client.startTask(session.session_id, 'first')
      await waitingCall(client, session)
      const steer = body('Mind the gap.', { task_id: 'steer', when_busy: 'steer' })
      const answer = await client.post(`/sessions/${session.session_id}/tasks`, steer)
      expect(answer).toMatchObject({ status: 202, body: { task_id: 'steer', phase: 'completed', steered_into: first.task_id } })
      const { end, events } = await finish(client, session, first, () => null)
      expect(end.type).toBe('task.completed')
      expect(only(events, 'task.steered').payload).toEqual({ messages: steer.messages, steered_by: 'steer' })
      expect(turns(stage.model).map((entry) => JSON.stringify(entry.body).split('Mind the gap.').length - 1)).toEqual([0, 1])
      // The same again is the same: nothing is said twice.
      const again = await client.post(`/sessions/${session.session_id}/tasks`, steer)
      expect(again).toMatchObject({ status: 202, body: { task_id: 'steer', phase: 'completed', steered_into: first.task_id } })
      const of = await client.get(taskUrl({ ...session, task_id: 'steer' }))
      expect(of.body).toMatchObject({ status: 'completed', reason: 'steered', steered_into: first.task_id })
      expect((await play(client, session, 'second')).end.type).toBe('task.completed')
      expect(turns(stage.model)).toHaveLength(3)
    },
  },
  {
    name: 'a message that steers while the agent says its last words is answered in the same task',
    needs: { supports_steer: true },
    async run(stage) {
      stage.script({ talk: [{ text: 'These are the last words of it.', chunk_size: 2, delay_ms: 100 }, { text: 'The gap, then.' }] })
      await using daemon = await stage.open()
      const { client } = daemon
      const session = await client.createSession(stage.session())
      const first = await client.startTask(session.session_id, 'talk')
      await client.event(session.session_id, 'model.output.delta')
      const answer = await client.post(`/sessions/${session.session_id}/tasks`, body('Mind the gap.', { when_busy: 'steer' }))
      expect(answer).toMatchObject({ status: 202, body: { phase: 'completed', steered_into: first.task_id } })
      const { end } = await finish(client, session, first)
      expect(end.type).toBe('task.completed')
      expect(turns(stage.model).map((entry) => JSON.stringify(entry.body).includes('Mind the gap.'))).toEqual([false, true])
    },
  },
  {
    name: 'a message that is to steer where nothing can be steered is refused, and nobody hears of it',
    needs: { supports_steer: false },
    proves: { supports_steer: false },
    async run(stage) {
      stage.script(script)
      await using daemon = await stage.open()
      const { client } = daemon
      const session = await client.createSession(stage.session())
      const tasks = `/sessions/${session.session_id}/tasks`
      const first = await client.startTask(session.session_id, 'first')
      await waitingCall(client, session)
      const refused = await client.post(tasks, body('Mind the gap.', { task_id: 'steer', when_busy: 'steer' }))
      expect(refused).toMatchObject({ status: 409, body: { error: 'steer_unsupported', allowed: ['queue', 'reject'] } })
      expect((await client.get(taskUrl({ ...session, task_id: 'steer' }))).status).toBe(404)
      const { end } = await finish(client, session, first, () => null)
      expect(end.type).toBe('task.completed')
      expect(turns(stage.model).some((entry) => JSON.stringify(entry.body).includes('Mind the gap.'))).toBe(false)
      // Where nothing runs there is nothing to steer: it is a task like any other.
      const alone = await client.post(tasks, body('second', { when_busy: 'steer' }))
      expect(alone).toMatchObject({ status: 202, body: { phase: 'starting' } })
    },
  },
  {
    name: 'a stop of the turn leaves the agent as it is, and a task that waits where it is',
    async run(stage) {
      stage.script({ talk: [endlessTalk], second: script.second })
      await using daemon = await stage.open()
      const { client } = daemon
      const session = await client.createSession(stage.session())
      const first = await client.startTask(session.session_id, 'talk')
      await client.event(session.session_id, 'model.output.delta')
      const agents = await stage.agents()
      const second = await client.startTask(session.session_id, 'second')
      const scope = 'turn'
      const left = await client.post(`${taskUrl(second)}/stop`, { scope })
      expect(left.body).toEqual({ ok: true, task_id: second.task_id, status: 'running', scope })
      const { body: told } = await client.post(`${taskUrl(first)}/stop`, { scope })
      expect(told).toMatchObject({ ok: true, task_id: first.task_id, status: 'stopped', scope })
      const { ended, found_total, alive } = told.processes
      expect([ended + alive.length, alive.length > 0]).toEqual([found_total, true])
      expect((await finish(client, session, first)).end.type).toBe('task.stopped')
      expect((await finish(client, session, second)).end.type).toBe('task.completed')
      expect(await stage.agents()).toEqual(agents)
    },
  },
  {
    name: 'a stop of the tree ends the agent and all that it has started, and says so',
    quick: true,
    async run(stage) {
      stage.script({ wait: [{ tools: [shell(`setsid ${endless} & nohup ${endless} & ${endless}`)] }], second: script.second })
      await using daemon = await stage.open()
      const { client } = daemon
      const session = await client.createSession(stage.session({ permissionMode: 'yolo' }))
      const task = await client.startTask(session.session_id, 'wait')
      await client.event(session.session_id, 'tool.call.started')
      await until(async () => (await sleepers(stage)) === 3)
      const agents = await stage.agents()
      const { body: told } = await client.post(`${taskUrl(task)}/stop`, { scope: 'tree' })
      expect(told).toMatchObject({ ok: true, task_id: task.task_id, status: 'stopped', scope: 'tree', processes: { alive: [] } })
      const { found, found_total, ended } = told.processes
      expect(ended).toBe(found_total)
      expect(found.filter(({ name }: { name: string }) => name === 'tail')).toHaveLength(3)
      expect(await stage.processes()).toEqual([])
      const again = await client.post(`${taskUrl(task)}/stop`, { scope: 'tree' })
      expect(again.body).toMatchObject({ ok: true, status: 'stopped', processes: { found: [], found_total: 0, ended: 0, alive: [] } })
      expect((await play(client, session, 'second')).end.type).toBe('task.completed')
      expect(await stage.agents()).not.toEqual(agents)
    },
  },
]
