import { expect } from 'vitest'
import * as model from './model.ts'
import type { ModelSession, ModelTask } from './model.ts'
import { callsOf, expectAnswer, pick, tasksOf, there, type Step } from './step.ts'
import type { World } from './world.ts'

/** A task that runs is with its agent before anything else is done: the model always knows what the agent does. */
export async function meetAgent(session: ModelSession, world: World): Promise<void> {
  const running = model.runningTask(session)
  if (running !== undefined) await world.agents.turn(promptOf(running, world))
}

export const promptOf = ({ name, prompt }: ModelTask, world: World): string => `${world.full(name)} ${prompt}.`
const turnOf = (task: ModelTask, world: World) => world.agents.turn(promptOf(task, world))

const quiet = (task: ModelTask): boolean =>
  task.status === 'running' && model.waitingCalls(task).length === 0 && model.openQuestions(task).length === 0

export const startTask: Step = (all, [die, own = 0]) => {
  const session = pick(there(all), die)
  if (session === undefined || model.openTasks(session).length >= 3) return null
  const named = own % 3 !== 0
  return {
    words: `start a task in ${session.name}${named ? ' under an id of its own' : ''}`,
    async run(world) {
      const name = model.freshName(all, 't')
      const prompt = 'do something'
      const answer = await world.startTask(session, named ? world.full(name) : null, `${world.full(name)} ${prompt}`)
      if (session.archived) {
        expectAnswer(answer, 409, 'session_archived')
        return [session]
      }
      const task = model.startTask(session, name, prompt)
      expectAnswer(answer, 202, { status: 'started', ...(task.status === 'queued' ? { phase: 'queued' } : {}) })
      world.bind(name, answer.body.task_id)
      await meetAgent(session, world)
      return [session]
    },
  }
}

/** The same id again: with the same body it is the same task, with another it is refused. */
export const startAgain: Step = (all, [die, how = 0]) => {
  const found = pick(
    tasksOf(all, () => true),
    die,
  )
  if (found === undefined) return null
  const { session, task } = found
  const same = how % 2 === 0
  return {
    words: `start ${task.name} of ${session.name} again, ${same ? 'the same' : 'with another body'}`,
    async run(world) {
      const prompt = `${world.full(task.name)} ${same ? task.prompt : 'do something else'}`
      const answer = await world.startTask(session, world.id(task.name), prompt)
      if (same) {
        expectAnswer(answer, 202, { task_id: world.id(task.name), status: 'started' })
        expect(answer.headers.get('idempotent-replay')).toBe('true')
      } else expectAnswer(answer, 409, 'task_exists')
      return [session]
    },
  }
}

export const say: Step = (all, [die, count = 0]) => {
  const found = pick(
    tasksOf(all, ({ status }) => status === 'running'),
    die,
  )
  if (found === undefined) return null
  const { session, task } = found
  const words = Array.from({ length: 1 + (count % 5) }, () => `${model.freshName(all, 'w')} `)
  return {
    words: `the agent of ${task.name} says ${words.length} words`,
    async run(world) {
      const turn = await turnOf(task, world)
      for (const word of words) turn.say(word)
      model.say(session, task, words.join(''))
      return [session]
    },
  }
}

export const askLeave: Step = (all, [die]) => {
  const found = pick(
    tasksOf(all, (task) => task.status === 'running' && model.waitingCalls(task).length < 3),
    die,
  )
  if (found === undefined) return null
  const { session, task } = found
  return {
    words: `the agent of ${task.name} asks for leave to run a command`,
    async run(world) {
      const name = model.freshName(all, 'c')
      const turn = await turnOf(task, world)
      turn.askLeave(world.full(name), `make ${world.full(name)}`)
      model.askLeave(session, task, name)
      return [session]
    },
  }
}

export const finishCall: Step = (all, [die]) => {
  const found = pick(
    callsOf(all, ({ state }, task) => state === 'runs' && task.status === 'running'),
    die,
  )
  if (found === undefined) return null
  const { session, task, call } = found
  return {
    words: `the command of ${call.name} ends`,
    async run(world) {
      const turn = await turnOf(task, world)
      turn.finishCall(world.full(call.name))
      model.finishCall(session, call)
      return [session]
    },
  }
}

export const askWord: Step = (all, [die]) => {
  const found = pick(
    tasksOf(all, (task) => task.status === 'running' && model.openQuestions(task).length < 2),
    die,
  )
  if (found === undefined) return null
  const { session, task } = found
  return {
    words: `the agent of ${task.name} has a question`,
    async run(world) {
      const name = model.freshName(all, 'q')
      const turn = await turnOf(task, world)
      turn.askWord(world.full(name))
      model.askWord(session, task, name)
      return [session]
    },
  }
}

export const endTurn: Step = (all, [die]) => {
  const found = pick(
    tasksOf(all, (task) => quiet(task) && task.calls.every(({ state }) => state !== 'runs')),
    die,
  )
  if (found === undefined) return null
  const { session, task } = found
  return {
    words: `the agent of ${task.name} ends its turn`,
    async run(world) {
      const turn = await turnOf(task, world)
      turn.end()
      model.complete(session, task)
      await meetAgent(session, world)
      return [session]
    },
  }
}

/** Running, queued, or ended: a stop always says how the task stands. */
export const stop: Step = (all, [die]) => {
  const found = pick(
    tasksOf(all, () => true),
    die,
  )
  if (found === undefined) return null
  const { session, task } = found
  return {
    words: `stop ${task.name} of ${session.name} (${task.status})`,
    async run(world) {
      const answer = await world.client.post(world.path(session, `/tasks/${world.id(task.name)}/stop`))
      const status = task.status === 'queued' ? 'stopped' : task.status
      expectAnswer(answer, 200, { ok: true, task_id: world.id(task.name), status })
      if (task.status === 'running' || task.status === 'queued') model.stopTask(session, task)
      await world.settle(session)
      await meetAgent(session, world)
      return [session]
    },
  }
}
