import { expect } from 'vitest'
import * as model from './model.ts'
import type { ModelCall } from './model.ts'
import { callsOf, expectAnswer, pick, questionsOf, type CallPlace, type Step } from './step.ts'
import type { World } from './world.ts'

type How = 'approve' | 'deny'
const made = { approve: 'approved', deny: 'denied' } as const

/** What the daemon says to a decision about a call that stands like this. */
export function expectDecision(answer: Parameters<typeof expectAnswer>[0], call: ModelCall, how: How, id: string): void {
  const decision = made[how]
  if (call.decision === null || (call.by === 'user' && call.decision === decision))
    expectAnswer(answer, 200, { ok: true, tool_call_id: id, decision })
  else expectAnswer(answer, 409, { error: 'already_decided', decision: call.decision, decided_by: call.by })
}

/** A decision that counts: the agent hears it, and begins what it may. */
export async function carryOut({ session, call }: CallPlace, how: How, world: World): Promise<void> {
  model.decide(session, call, made[how])
  if (how === 'approve') model.begin(session, call)
  expect(await world.agents.leave(world.full(call.name))).toBe(how === 'approve' ? 'allowed' : 'refused')
}

function decide(how: How, fits: (call: ModelCall) => boolean): Step {
  return (all, [die]) => {
    const found = pick(callsOf(all, fits), die)
    if (found === undefined) return null
    const { session, call } = found
    return {
      words: `${how} ${call.name} of ${session.name} (${call.decision ?? 'waits'})`,
      async run(world) {
        const answer = await world.decide(session, call.name, how)
        expectDecision(answer, call, how, world.id(call.name))
        if (call.state === 'waits') await carryOut(found, how, world)
        return [session]
      },
    }
  }
}

export const approve = decide('approve', ({ state }) => state === 'waits')
export const deny = decide('deny', ({ state }) => state === 'waits')
export const approveAgain = decide('approve', ({ state }) => state !== 'waits')
export const denyAgain = decide('deny', ({ state }) => state !== 'waits')

/** Whatever stands, a decision about something else than what was shown is refused, and changes nothing. */
export const decideWrongly: Step = (all, [die, which = 0, way = 0]) => {
  const found = pick(
    callsOf(all, () => true),
    die,
  )
  if (found === undefined) return null
  const { session, call } = found
  const how = way % 2 === 0 ? 'approve' : 'deny'
  const wrong = (['attempt', 'hash', 'id'] as const)[which % 3] ?? 'id'
  return {
    words: `${how} ${call.name} of ${session.name} with a wrong ${wrong}`,
    async run(world) {
      if (wrong === 'attempt') expectAnswer(await world.decide(session, call.name, how, { attempt: 2 }), 409, 'attempt_mismatch')
      else if (wrong === 'hash') {
        const input_hash = `sha256:${'0'.repeat(64)}`
        expectAnswer(await world.decide(session, call.name, how, { input_hash }), 409, 'input_hash_mismatch')
      } else {
        const body = { attempt: 1, input_hash: world.hash(call.name) }
        expectAnswer(await world.client.post(world.path(session, `/tool-calls/call_none/${how}`), body), 404, 'tool_call_not_pending')
      }
      return [session]
    },
  }
}

/** The first answer counts, the same again is fine, and anything else is refused. */
export const answerQuestion: Step = (all, [die, which = 0]) => {
  const found = pick(
    questionsOf(all, () => true),
    die,
  )
  if (found === undefined) return null
  const { session, question } = found
  const word = [null, 'left', 'right'][which % 3] ?? null
  return {
    words: `answer ${question.name} of ${session.name} with ${word ?? 'a refusal'} (${question.answer ?? 'waits'})`,
    async run(world) {
      const body = word === null ? { outcome: 'decline' } : { outcome: 'accept', content: { word } }
      const answer = await world.client.post(world.path(session, `/questions/${world.id(question.name)}/answer`), body)
      const same = question.answer === (word === null ? 'decline' : `accept ${word}`)
      if (question.answer === null || same) expectAnswer(answer, 200, { ok: true })
      else expectAnswer(answer, 409, 'already_answered')
      if (question.answer !== null) return [session]
      model.answer(session, question, word)
      expect(await world.agents.answer(world.full(question.name))).toBe(word === null ? 'decline' : `accept:${word}`)
      return [session]
    },
  }
}
