import { addSession, cutTask, fork, openTasks } from './model.ts'
import { expectAnswer, pick, there, type Step } from './step.ts'

export const createSession: Step = (model) => {
  if (there(model).length >= 4) return null
  return {
    words: 'create a session',
    async run(world) {
      const answer = await world.createSession()
      const session = addSession(model)
      expectAnswer(answer, 201, { archived: false, phase: 'idle', last_seq: 1, permission_mode: 'ask' })
      world.bind(session.name, answer.body.session_id)
      return [session]
    },
  }
}

export const archive: Step = (model, [die, to = 0]) => {
  const session = pick(there(model), die)
  if (session === undefined) return null
  // Out of the archive about as often as into it.
  const archived = to % 3 === 0 ? session.archived : !session.archived
  return {
    words: `${archived ? 'archive' : 'bring back'} ${session.name}`,
    async run(world) {
      const answer = await world.client.request('PATCH', world.path(session), { archived })
      const busy = openTasks(session).length > 0
      if (archived && !session.archived && busy) expectAnswer(answer, 409, 'session_busy')
      else {
        if (archived !== session.archived) session.facts.push(`updated ${JSON.stringify({ archived })}`)
        session.archived = archived
        expectAnswer(answer, 200, { archived })
      }
      return [session]
    },
  }
}

export const remove: Step = (model, [die, how = 0]) => {
  const session = pick(there(model), die)
  if (session === undefined) return null
  const stop = how % 2 === 0
  return {
    words: `delete ${session.name}${stop ? ' with what is open in it' : ''}`,
    async run(world) {
      const answer = await world.client.request('DELETE', world.path(session, stop ? '?stop=true' : ''))
      if (!stop && openTasks(session).length > 0) expectAnswer(answer, 409, 'session_busy')
      else {
        expectAnswer(answer, 204)
        for (const task of openTasks(session)) cutTask(session, task, 'stopped', 'session_deleted', true)
        session.deleted = true
      }
      return [session]
    },
  }
}

export const forkSession: Step = (model, [die, how = 0]) => {
  const session = pick(there(model), die)
  if (session === undefined || there(model).length >= 4) return null
  const where = how % 2 === 0 ? 'end' : 'tip'
  return {
    words: `fork ${session.name} at ${where === 'end' ? 'its last end' : 'its last event'}`,
    async run(world) {
      const tip = (await world.client.get(world.path(session))).body.last_seq
      const answer = await world.client.post(world.path(session, '/fork'), where === 'end' ? {} : { after_seq: tip })
      const forked = fork(model, session, where)
      expectAnswer(answer, 201, { archived: false, phase: 'idle', forked_from: { session_id: world.id(session.name) } })
      world.bind(forked.name, answer.body.session_id)
      return [session, forked]
    },
  }
}
