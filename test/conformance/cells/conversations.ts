import type { JournalEntry } from '@codesdkd/offline-model'
import { rm } from 'node:fs/promises'
import { expect } from 'vitest'
import type { Cell } from '../cell.ts'
import { ofType, only } from '../events.ts'
import { finish, play, waitingCall, type Round } from '../round.ts'
import { turns } from '../heard.ts'
import { shell } from '../script.ts'
import type { Stage } from '../stage.ts'
import { until } from '../until.ts'

const script = {
  first: [{ text: 'The answer to the first.' }],
  second: [{ text: 'The answer to the second.' }],
  third: [{ text: 'The answer to the third.' }],
}

/** What was said between person and model, as the model was sent it with its last request. */
function conversation({ model }: Stage): readonly string[] {
  const entry = turns(model).at(-1)
  return entry === undefined ? [] : spoken(entry)
}

function spoken({ conversation: { items } }: JournalEntry): readonly string[] {
  return items.flatMap((item) =>
    (item.kind === 'user' || item.kind === 'assistant') && !item.text.trimStart().startsWith('<') ? [`${item.kind}: ${item.text}`] : [],
  )
}

const whole = ['user: first', 'assistant: The answer to the first.', 'user: second']

/** The agent took up its own conversation again, and the log says so. */
function expectResumed(stage: Stage, first: Round, second: Round): void {
  expect([first.end.type, second.end.type]).toEqual(['task.completed', 'task.completed'])
  expect(conversation(stage)).toEqual(whole)
  expect(only(second.events, 'session.context_restored').payload).toMatchObject({ source: 'native_resume', messages_omitted: 0 })
  expect(second.end.runtime.runtime_session_id).toBe(first.end.runtime.runtime_session_id)
}

export const conversations: readonly Cell[] = [
  {
    name: 'a second task goes on with the conversation, in the same agent',
    quick: true,
    proves: { state_model: 'runtime_owned' },
    async run(stage) {
      stage.script(script)
      await using daemon = await stage.open()
      const first = await play(daemon.client, stage.session(), 'first')
      const agents = await stage.agents()
      const second = await play(daemon.client, first.session, 'second')
      expect(conversation(stage)).toEqual(whole)
      expect(await stage.agents()).toEqual(agents)
      expect(ofType(second.events, 'session.context_restored')).toEqual([])
      expect(second.end.runtime.runtime_session_id).toBe(first.end.runtime.runtime_session_id)
    },
  },
  {
    name: 'tasks that wait run in the order of their acceptance, one at a time',
    async run(stage) {
      stage.script({ ...script, first: [{ tools: [shell('touch made.txt')] }, { text: 'The answer to the first.' }] })
      await using daemon = await stage.open()
      const { client } = daemon
      const session = await client.createSession(stage.session())
      const first = await client.startTask(session.session_id, 'first')
      await waitingCall(client, session)
      const second = await client.startTask(session.session_id, 'second')
      const third = await client.startTask(session.session_id, 'third')
      expect([second.phase, third.phase]).toEqual(['queued', 'queued'])
      for (const task of [first, second, third]) await finish(client, session, task, () => null)
      const order = (await client.events(session.session_id)).flatMap(({ type, trace }) =>
        type === 'task.started' || type === 'task.completed' ? [`${type} ${trace.task_id}`] : [],
      )
      expect(order).toEqual([first, second, third].flatMap(({ task_id }) => [`task.started ${task_id}`, `task.completed ${task_id}`]))
    },
  },
  {
    name: 'what is sent while a task runs does not steer it',
    async run(stage) {
      stage.script({ ...script, first: [{ tools: [shell('touch made.txt')] }, { text: 'The answer to the first.' }] })
      await using daemon = await stage.open()
      const { client } = daemon
      const session = await client.createSession(stage.session())
      const first = await client.startTask(session.session_id, 'first')
      await waitingCall(client, session)
      const second = await client.startTask(session.session_id, 'second')
      for (const task of [first, second]) await finish(client, session, task, () => null)
      const told = turns(stage.model).map((entry) => spoken(entry).includes('user: second'))
      expect(told).toEqual([false, false, true])
      expect((await client.post(`/sessions/${session.session_id}/tasks/${first.task_id}/steer`, {})).status).toBe(404)
    },
  },
  {
    name: 'a session goes on after the daemon was ended with SIGTERM',
    quick: true,
    needs: { resume_model: 'native' },
    proves: { supports_session_resume: true, resume_model: 'native' },
    async run(stage) {
      stage.script(script)
      const first = await startAndEnd(stage, 'SIGTERM')
      await using daemon = await stage.start()
      expectResumed(stage, first, await play(daemon.client, first.session, 'second'))
    },
  },
  {
    name: 'a session goes on after the daemon was killed',
    needs: { resume_model: 'native' },
    async run(stage) {
      stage.script(script)
      const first = await startAndEnd(stage, 'SIGKILL')
      await using daemon = await stage.start()
      expectResumed(stage, first, await play(daemon.client, first.session, 'second'))
    },
  },
  {
    name: 'a session goes on after its agent was closed for being idle',
    needs: { resume_model: 'native' },
    async run(stage) {
      stage.script(script)
      await using daemon = await stage.open(['--agent-idle-timeout', '0.2'])
      const first = await play(daemon.client, stage.session(), 'first')
      await until(async () => (await stage.processes()).length === 0)
      expect((await daemon.client.get(`/sessions/${first.session.session_id}`)).body).toMatchObject({ phase: 'idle' })
      expectResumed(stage, first, await play(daemon.client, first.session, 'second'))
    },
  },
  {
    name: 'a session whose agent keeps no memory is told its transcript after the daemon was killed',
    needs: { resume_model: 'transcript' },
    proves: { supports_session_resume: true, resume_model: 'transcript' },
    async run(stage) {
      stage.script(script)
      const first = await startAndEnd(stage, 'SIGKILL')
      await using daemon = await stage.start()
      expectTold(stage, await play(daemon.client, first.session, 'second'))
    },
  },
  {
    name: 'a session whose agent has lost its memory is told its transcript',
    async run(stage) {
      stage.script(script)
      await using daemon = await stage.open(['--agent-idle-timeout', '0.2'])
      const first = await play(daemon.client, stage.session(), 'first')
      await until(async () => (await stage.processes()).length === 0)
      await rm(`${stage.folder.dataDir}/namespaces`, { recursive: true })
      expectTold(stage, await play(daemon.client, first.session, 'second'))
    },
  },
  {
    name: 'an agent that has lost its memory is told what was run, what came of it and what was denied',
    async run(stage) {
      stage.script({
        first: [{ tools: [shell('echo heard of it > made.txt && cat made.txt')] }, { text: 'It is made.' }],
        other: [{ tools: [shell('touch never.txt')] }, { text: 'It is not made.' }],
        second: [{ text: 'The answer to the second.' }],
      })
      await using daemon = await stage.open(['--agent-idle-timeout', '0.2'])
      const first = await play(daemon.client, stage.session(), 'first', { decide: () => null })
      await play(daemon.client, first.session, 'other', { decide: () => 'no more files' })
      await until(async () => (await stage.processes()).length === 0)
      await rm(`${stage.folder.dataDir}/namespaces`, { recursive: true })
      const second = await play(daemon.client, first.session, 'second')
      expect(only(second.events, 'session.context_restored').payload).toMatchObject({ source: 'transcript', truncated: false })
      const told = JSON.stringify(turns(stage.model).at(-1)?.body)
      for (const known of ['made.txt', 'heard of it', 'It is made.', 'never.txt', 'no more files', 'It is not made.'])
        expect(told).toContain(known)
    },
  },
]

/** The agent was told what was said before, and the log says how much of it. */
function expectTold(stage: Stage, second: Round): void {
  expect(second.end.type).toBe('task.completed')
  expect(only(second.events, 'session.context_restored').payload).toMatchObject({
    source: 'transcript',
    messages_carried: 2,
    messages_omitted: 0,
    truncated: false,
  })
  const told = JSON.stringify(turns(stage.model).at(-1)?.body)
  expect(told).toContain('The answer to the first.')
  expect(told.indexOf('The answer to the first.')).toBeLessThan(told.lastIndexOf('second'))
}

async function startAndEnd(stage: Stage, signal: NodeJS.Signals): Promise<Round> {
  await using daemon = await stage.start()
  const round = await play(daemon.client, stage.session(), 'first')
  await daemon.end(signal)
  return round
}
