import type { Event } from '@codesdkd/protocol'
import { expect } from 'vitest'
import type { TestClient } from '../../harness/client.ts'
import type { Cell } from '../cell.ts'
import { expectLawful } from '../law.ts'
import { ofType, only } from '../events.ts'
import { finish, play, waitingCall } from '../round.ts'
import { endlessTalk, shell } from '../script.ts'
import { until } from '../until.ts'

export const crashes: readonly Cell[] = [
  {
    name: 'an agent that is killed while it speaks fails its task, and the next task goes on with the conversation',
    quick: true,
    async run(stage) {
      stage.script({ before: [{ text: 'Hello.' }], talk: [endlessTalk], after: [{ text: 'Where was I?' }] })
      await using daemon = await stage.open()
      const { client } = daemon
      // What an agent has only begun to write down may be lost with it; the conversation before that is not.
      const { session } = await play(client, stage.session(), 'before')
      const task = await client.startTask(session.session_id, 'talk')
      await client.event(session.session_id, 'model.output.delta', ({ trace }) => trace.task_id === task.task_id)
      for (const { pid } of await stage.agents()) process.kill(pid, 'SIGKILL')
      const { end, events } = await finish(client, session, task)
      expect(end.type).toBe('task.failed')
      expect(end.payload.error).toMatchObject({ code: 'agent_exited', retryable: true, signal: 'SIGKILL' })
      const shown = ofType(events, 'model.output.delta')
        .map(({ payload }) => payload.delta)
        .join('')
      expect(only(events, 'model.output.completed').payload).toMatchObject({ partial: true, content: [{ type: 'text', text: shown }] })
      const next = await play(client, session, 'after')
      expect(next.end.type).toBe('task.completed')
      const native = stage.subject.capabilities.resume_model === 'native'
      expect(only(next.events, 'session.context_restored').payload.source).toBe(native ? 'native_resume' : 'transcript')
      expect(next.end.runtime.runtime_session_id === end.runtime.runtime_session_id).toBe(native)
    },
  },
  {
    name: 'an agent that is killed while its command runs takes the command with it, and no other session notices',
    proves: { tool_replay_safety: 'never_replayed' },
    async run(stage) {
      stage.script({
        wait: [{ tools: [shell('echo ran >> runs.txt; tail -s 7771 -f /dev/null')] }, { text: 'Slept well.' }],
        after: [{ text: 'What was it?' }],
        other: [{ tools: [shell('touch other.txt')] }, { text: 'Undisturbed.' }],
      })
      await using daemon = await stage.open()
      const { client } = daemon
      const session = await client.createSession(stage.session({ permissionMode: 'yolo' }))
      const task = await client.startTask(session.session_id, 'wait')
      await until(async () => (await stage.folder.read('runs.txt')) === 'ran\n')
      const agents = await stage.agents()
      const neighbour = await client.createSession(stage.session())
      const undisturbed = await client.startTask(neighbour.session_id, 'other')
      await waitingCall(client, neighbour)
      for (const { pid } of agents) process.kill(pid, 'SIGKILL')
      const { end } = await finish(client, session, task)
      expect(end.payload.error).toMatchObject({ code: 'agent_exited', retryable: true })
      expect((await stage.processes()).filter(({ args }) => args.includes('7771'))).toEqual([])
      expect((await finish(client, neighbour, undisturbed, () => null)).end.type).toBe('task.completed')
      expect((await play(client, session, 'after')).end.type).toBe('task.completed')
      // What had begun is never run again by itself.
      expect(await stage.folder.read('runs.txt')).toBe('ran\n')
    },
  },
  {
    name: 'a daemon that is killed while a decision is pending: after its restart the call is denied and never ran',
    quick: true,
    async run(stage) {
      stage.script({ touch: [{ tools: [shell('touch made.txt')] }, { text: 'Made it.' }], after: [{ text: 'Here again.' }] })
      await using killed = await stage.start()
      const session = await killed.client.createSession(stage.session())
      const task = await killed.client.startTask(session.session_id, 'touch')
      const call = await waitingCall(killed.client, session)
      const before = await stage.processes()
      expect(before.length).toBeGreaterThan(1)
      await killed.end('SIGKILL')
      await using daemon = await stage.start()
      const { client } = daemon
      expect(await client.task(task)).toMatchObject({ status: 'failed', error: { code: 'daemon_restarted', retryable: true } })
      const { events } = await finish(client, session, task)
      expect(only(events, 'tool.call.denied').payload).toMatchObject({ decided_by: 'daemon', reason: 'daemon_restarted' })
      const late = await client.approve(call)
      expect([late.status, late.body.error]).toEqual([409, 'already_decided'])
      // The one process is the daemon itself.
      expect((await stage.processes()).map(({ pid }) => pid)).toEqual([daemon.pid])
      expect((await play(client, session, 'after')).end.type).toBe('task.completed')
      expect(await stage.folder.read('made.txt')).toBeNull()
    },
  },
  {
    name: 'a daemon that is killed while its agent speaks: everything that was seen is stored, and the log has no gap',
    async run(stage) {
      stage.script({ talk: [{ ...endlessTalk, delay_ms: 1 }] })
      await using killed = await stage.start()
      const session = await killed.client.createSession(stage.session())
      const task = await killed.client.startTask(session.session_id, 'talk')
      const seen = await collect(killed.client, session.session_id, (events) => {
        if (ofType(events, 'model.output.delta').length === 50) void killed.end('SIGKILL')
      })
      await killed.end()
      await using daemon = await stage.start()
      const stored = await daemon.client.events(session.session_id)
      expectLawful(stored)
      expect(seen.length).toBeGreaterThanOrEqual(50)
      expect(stored.slice(0, seen.length)).toEqual(seen)
      expect(await daemon.client.task(task)).toMatchObject({ status: 'failed', error: { code: 'daemon_restarted', retryable: true } })
    },
  },
]

/** Every event that a client sees until its stream breaks. */
async function collect(client: TestClient, sessionId: string, look: (events: readonly Event[]) => void): Promise<readonly Event[]> {
  const seen: Event[] = []
  try {
    for await (const event of client.follow(sessionId)) {
      seen.push(event)
      look(seen)
    }
  } catch (error) {
    // The daemon was killed in the middle of the stream.
    expect(error).toBeInstanceOf(TypeError)
  }
  return seen
}
