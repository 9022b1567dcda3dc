import type { Event, Task } from '@codesdkd/protocol'
import { expect } from 'vitest'
import { expectLawful } from '../conformance/law.ts'
import { openQuestions, openTasks, runningTask, stopTask, waitingCalls, type Model, type ModelSession, type ModelTask } from './model.ts'
import type { World } from './world.ts'

/** Holds every answer of the daemon that can be had against the model. `touched`: sessions that may have changed. */
export async function expectSame(model: Model, world: World, touched: readonly ModelSession[]): Promise<void> {
  for (const session of touched) await expectSession(session, world)
  const there = model.sessions.filter(({ deleted }) => !deleted)
  const lists: Readonly<Record<string, readonly ModelSession[]>> = {
    all: there,
    archived: there.filter(({ archived }) => archived),
    daemon: there.filter(({ archived, life }) => !archived && life === model.life),
  }
  for (const [scope, expected] of Object.entries(lists)) {
    const query = `/sessions?scope=${scope}&credential_namespace=${world.namespace}`
    expect(await pages(world, query, 'sessions', 'session_id'), scope).toEqual(expected.map(({ name }) => name))
  }
  const tasks = there.flatMap((session) => openTasks(session))
  const approvals = tasks.flatMap(waitingCalls).map(({ name }) => name)
  const questions = tasks.flatMap(openQuestions).map(({ name }) => name)
  expect(await pages(world, '/approvals?', 'approvals', 'tool_call_id')).toEqual(inOrder(approvals))
  expect(await pages(world, '/questions?', 'questions', 'question_id')).toEqual(inOrder(questions))
}

/** Names are given in order of time. */
function inOrder(names: readonly string[]): readonly string[] {
  return names.toSorted((a, b) => Number(a.slice(1)) - Number(b.slice(1)))
}

/** A list, two at a time. */
async function pages(world: World, query: string, items: string, id: string): Promise<readonly string[]> {
  const names: string[] = []
  for (let after: string | null = null; ;) {
    const cursor: string = after === null ? '' : `&after=${after}`
    const { status, body } = await world.client.get(`${query}&limit=2${cursor}`)
    expect(status).toBe(200)
    const page = body[items] as readonly Readonly<Record<string, string>>[]
    expect(page.length).toBeLessThanOrEqual(2)
    names.push(...page.map((item) => world.name(item[id] ?? '')))
    after = body.next_after as string | null
    if (after === null) return names
  }
}

async function expectSession(session: ModelSession, world: World): Promise<void> {
  const path = world.path(session)
  if (session.deleted) {
    for (const gone of [path, `${path}/events`, `${path}/tasks`])
      expect(await world.client.get(gone)).toMatchObject({ status: 404, body: { error: 'session_not_found' } })
    return
  }
  await world.settle(session)
  expect((await world.client.get(path)).body).toMatchObject({ archived: session.archived, phase: phaseOf(runningTask(session)) })
  const tasks = session.tasks.map(({ name }) => name)
  expect(await pages(world, `${path}/tasks?`, 'tasks', 'task_id')).toEqual(tasks)
  for (const task of session.tasks) await expectTask(session, task, world)
}

async function expectTask(session: ModelSession, task: ModelTask, world: World): Promise<void> {
  const { status, body } = await world.client.get(world.path(session, `/tasks/${world.id(task.name)}`))
  expect(status).toBe(200)
  const seen = body as Task
  const open = task.status === 'running' || task.status === 'queued'
  expect({ status: seen.status, phase: seen.phase }).toEqual({
    status: open ? 'running' : task.status,
    phase: task.status === 'running' ? phaseOf(task) : task.status,
  })
  if (open) return
  const own = world.seen(session).map((line) => JSON.parse(line) as Event)
  expect(seen.last_seq).toBe(own.findLast(({ trace }) => trace.task_id === world.id(task.name))?.seq)
}

/** Whether an agent that has said nothing yet is starting or running is not the model's business. */
function phaseOf(task: ModelTask | undefined): unknown {
  if (task === undefined) return 'idle'
  if (waitingCalls(task).length > 0) return 'waiting_approval'
  return openQuestions(task).length > 0 ? 'waiting_input' : expect.stringMatching(/^(starting|running)$/)
}

/**
 * What must hold when a run is over: the whole log is what was seen of it, byte for byte, streamed and by pages; it is lawful; every call was
 * decided once, and no agent was allowed what nobody had approved.
 */
export async function expectKept(model: Model, world: World): Promise<void> {
  for (const session of model.sessions.filter(({ deleted }) => !deleted)) {
    await stopAll(session, world)
    const seen = world.seen(session)
    const whole = await readWhole(world, session)
    expect(whole.slice(0, seen.length)).toEqual(seen)
    expect(await readPages(world, session)).toEqual(whole.map((line) => JSON.parse(line)))
    const events = whole.map((line) => JSON.parse(line) as Event)
    expectLawful(events)
    const decisions = events.filter(({ type }) => type === 'tool.call.approved' || type === 'tool.call.denied')
    const decided = decisions.map(({ payload }) => ('tool_call_id' in payload ? payload.tool_call_id : ''))
    expect(new Set(decided).size, 'decisions of one call').toBe(decided.length)
    expect((await world.client.get(world.path(session))).body.last_seq).toBe(whole.length)
  }
  const approved = model.sessions.flatMap(({ tasks }) =>
    tasks.flatMap(({ calls }) => calls.filter(({ decision }) => decision === 'approved')),
  )
  const names = new Set(approved.map(({ name }) => world.full(name)))
  for (const [call, times] of world.agents.allowed)
    if (call.startsWith(world.full(''))) expect([call, times, names.has(call)]).toEqual([call, 1, true])
}

async function stopAll(session: ModelSession, world: World): Promise<void> {
  // Those that wait first: none of them begins then.
  for (const task of openTasks(session).toReversed()) {
    expect((await world.client.post(world.path(session, `/tasks/${world.id(task.name)}/stop`))).status).toBe(200)
    stopTask(session, task)
  }
  await world.settle(session)
}

async function readWhole(world: World, session: ModelSession): Promise<readonly string[]> {
  const lines: string[] = []
  for await (const { event, data } of world.client.frames(world.path(session, '/events?until=idle')))
    if (event === undefined) lines.push(data)
  return lines
}

async function readPages(world: World, session: ModelSession): Promise<readonly unknown[]> {
  const all: unknown[] = []
  for (let after = 0; ;) {
    const { body } = await world.client.get(world.path(session, `/events?after_seq=${after}&limit=7`))
    all.push(...(body.events as unknown[]))
    if (body.has_more !== true) return all
    after = body.next_seq
  }
}
