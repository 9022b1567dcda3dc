import { expect } from 'vitest'
import { expectDecision } from './decision-steps.ts'
import * as model from './model.ts'
import type { Model, ModelSession } from './model.ts'
import { callsOf, expectAnswer, pick, tasksOf, there, type Step } from './step.ts'
import { meetAgent, promptOf } from './task-steps.ts'
import type { World } from './world.ts'

/** Things done at once: the answers and the log tell in which order they were, and only that may have happened. */

const waiting: Parameters<typeof callsOf>[1] = ({ state }, { status }) => state === 'waits' && status === 'running'

export const approveAndDeny: Step = (all, [die]) => {
  const found = pick(callsOf(all, waiting), die)
  if (found === undefined) return null
  const { session, call } = found
  return {
    words: `approve and deny ${call.name} of ${session.name} at once`,
    async run(world) {
      const [approved, denied] = await Promise.all([world.decide(session, call.name, 'approve'), world.decide(session, call.name, 'deny')])
      expect(new Set([approved.status, denied.status])).toEqual(new Set([200, 409]))
      const won = approved.status === 200 ? 'approved' : 'denied'
      model.decide(session, call, won)
      if (won === 'approved') model.begin(session, call)
      expectDecision(approved, call, 'approve', world.id(call.name))
      expectDecision(denied, call, 'deny', world.id(call.name))
      return [session]
    },
  }
}

export const approveAndStop: Step = (all, [die]) => {
  const found = pick(callsOf(all, waiting), die)
  if (found === undefined) return null
  const { session, task, call } = found
  return {
    words: `approve ${call.name} and stop ${task.name} of ${session.name} at once`,
    async run(world) {
      const [approved, stopped] = await Promise.all([
        world.decide(session, call.name, 'approve'),
        world.client.post(world.path(session, `/tasks/${world.id(task.name)}/stop`)),
      ])
      expectAnswer(stopped, 200, { ok: true })
      if (approved.status !== 200) expectAnswer(approved, 409, { error: 'already_decided', decision: 'denied', decided_by: 'daemon' })
      const ways = [false, true].map((began) => (copy: ModelSession) => {
        const own = find(copy, task.name)
        const mine = own.calls.find(({ name }) => name === call.name)
        if (mine === undefined) throw new Error('the call is not in the copy')
        if (approved.status === 200) model.decide(copy, mine, 'approved')
        if (approved.status === 200 && began) model.begin(copy, mine)
        model.stopTask(copy, own)
      })
      await become(world, session, ways)
      await meetAgent(session, world)
      return [session]
    },
  }
}

/** A decision that was answered is kept; one that was not may be. */
export const approveAndKill: Step = (all, [die]) => {
  const found = pick(callsOf(all, waiting), die)
  if (found === undefined) return null
  const { session, task, call } = found
  return {
    words: `approve ${call.name} of ${session.name} while the daemon is killed`,
    async run(world) {
      const asked = world.decide(session, call.name, 'approve').catch(() => null)
      const answer = await killDuring(world, asked)
      if (answer !== null) expectAnswer(answer, 200, { ok: true })
      const ways = (['began', 'approved', 'lost'] as const)
        .filter((way) => answer === null || way !== 'lost')
        .map((way) => (copy: ModelSession) => {
          const mine = find(copy, task.name).calls.find(({ name }) => name === call.name)
          if (mine === undefined) throw new Error('the call is not in the copy')
          if (way !== 'lost') model.decide(copy, mine, 'approved')
          if (way === 'began') model.begin(copy, mine)
          cutAll(copy)
        })
      await crashInto(all, world, session, ways)
      return all.sessions
    },
  }
}

/** A task that was accepted is kept, and is not run again; one that was not may be. */
export const startAndKill: Step = (all, [die]) => {
  const session = pick(
    there(all).filter((one) => !one.archived && model.openTasks(one).length < 3),
    die,
  )
  if (session === undefined) return null
  return {
    words: `start a task in ${session.name} while the daemon is killed`,
    async run(world) {
      const name = model.freshName(all, 't')
      const prompt = 'do something'
      world.bind(name, world.full(name))
      const asked = world.startTask(session, world.full(name), `${world.full(name)} ${prompt}`).catch(() => null)
      const answer = await killDuring(world, asked)
      if (answer !== null) expectAnswer(answer, 202, { status: 'started' })
      const ways = ([true, false] as const)
        .filter((kept) => kept || answer === null)
        .map((kept) => (copy: ModelSession) => {
          if (kept) model.startTask(copy, name, prompt)
          cutAll(copy)
        })
      await crashInto(all, world, session, ways)
      return all.sessions
    },
  }
}

/** What was said and seen is kept; of what was said last a part may be. */
export const sayAndKill: Step = (all, [die, count = 0]) => {
  const found = pick(
    tasksOf(all, ({ status }) => status === 'running'),
    die,
  )
  if (found === undefined) return null
  const { session, task } = found
  return {
    words: `the agent of ${task.name} says words while the daemon is killed`,
    async run(world) {
      const words = Array.from({ length: 1 + (count % 8) }, () => `${model.freshName(all, 'w')} `)
      const turn = await world.agents.turn(promptOf(task, world))
      for (const word of words) turn.say(word)
      await killDuring(world, new Promise((resolve) => setImmediate(resolve)))
      const ways = words.concat('').map((_, kept) => (copy: ModelSession) => {
        if (kept > 0) model.say(copy, find(copy, task.name), words.slice(0, kept).join(''))
        cutAll(copy)
      })
      await crashInto(all, world, session, ways)
      return all.sessions
    },
  }
}

/** The same task twice at once is one task. */
export const startTwice: Step = (all, [die]) => {
  const session = pick(
    there(all).filter((one) => !one.archived && model.openTasks(one).length < 3),
    die,
  )
  if (session === undefined) return null
  return {
    words: `start the same task in ${session.name} twice at once`,
    async run(world) {
      const name = model.freshName(all, 't')
      world.bind(name, world.full(name))
      const start = () => world.startTask(session, world.full(name), `${world.full(name)} do something`)
      const answers = await Promise.all([start(), start()])
      for (const answer of answers) expectAnswer(answer, 202, { task_id: world.full(name), status: 'started' })
      expect(answers.filter(({ headers }) => headers.get('idempotent-replay') === 'true')).toHaveLength(1)
      model.startTask(session, name, 'do something')
      await meetAgent(session, world)
      return [session]
    },
  }
}

async function killDuring<T>(world: World, asked: Promise<T>): Promise<T> {
  const [answer] = await Promise.all([asked, world.end('SIGKILL')])
  await world.start()
  return answer
}

function cutAll(session: ModelSession): void {
  for (const task of model.openTasks(session)) model.cutTask(session, task, 'failed', 'daemon_restarted', false)
}

function find(session: ModelSession, name: string): model.ModelTask {
  const task = session.tasks.find((one) => one.name === name)
  if (task === undefined) throw new Error(`${session.name} has no ${name}`)
  return task
}

/** All sessions have been through a crash; what became of this one the log tells. */
async function crashInto(all: Model, world: World, session: ModelSession, ways: readonly ((copy: ModelSession) => void)[]): Promise<void> {
  await become(world, session, ways)
  model.crash(all)
}

/** The log has to fit one of several courses of events; the model goes on from that. */
async function become(world: World, session: ModelSession, ways: readonly ((copy: ModelSession) => void)[]): Promise<void> {
  const courses = ways.map((way) => {
    const copy = structuredClone(session)
    way(copy)
    return copy
  })
  const which = await world.settle(
    session,
    courses.map(({ facts }) => facts),
  )
  Object.assign(session, courses[which])
}
