import { expect } from 'vitest'
import type { EventOf } from '@codesdkd/protocol'
import type { Row, Target } from './target.ts'

/** A new task in mode `ask` whose one question waits for an answer. */
async function waitingQuestion({ stage, open: { client } }: Target) {
  const { session_id } = await client.createSession(stage.session({ permissionMode: 'ask' }))
  const task = await client.startTask(session_id, 'ask me something')
  const { question_id } = (await client.event<'question.asked'>(session_id, 'question.asked')).payload
  const answers = async () => (await client.events(session_id)).flatMap((event) => (event.type === 'question.answered' ? [event] : []))
  return { client, session_id, task, question_id, path: `/sessions/${session_id}/questions/${question_id}/answer`, answers }
}

const accept = (database: unknown) => ({ outcome: 'accept', content: { db: database } })

/** Questions of the agents; the list that the project was given has none of them. */
export const questionRows: readonly Row[] = [
  {
    id: 'Q1',
    name: 'every way to get question, session and answer wrong leaves the question waiting',
    async check(target) {
      const { client, session_id, task, question_id, path, answers } = await waitingQuestion(target)
      for (const body of [
        undefined,
        {},
        { outcome: 'cancel' },
        { outcome: 1 },
        { outcome: 'accept', content: [] },
        { outcome: 'accept', content: 'x' },
      ])
        expect(await client.post(path, body)).toMatchObject({ status: 400, body: { error: 'invalid_request' } })
      for (const body of [accept(5), accept(['SQLite']), { outcome: 'accept' }, { outcome: 'accept', content: { db: 'SQLite', more: 1 } }])
        expect(await client.post(path, body)).toMatchObject({ status: 400, body: { error: 'invalid_answer', question_id } })
      for (const reason of ['x'.repeat(4_097), 5, null]) expect((await client.post(path, { outcome: 'decline', reason })).status).toBe(400)
      const other = await client.createSession({})
      for (const wrong of [
        `/sessions/${other.session_id}/questions/${question_id}/answer`,
        `/sessions/${session_id}/questions/nope/answer`,
        `/sessions/${session_id}/questions/__proto__/answer`,
        `/sessions/${session_id}/questions/..%2f/answer`,
      ])
        expect(await client.post(wrong, accept('SQLite'))).toMatchObject({ status: 404, body: { error: 'question_not_pending' } })
      expect(await client.post(`/sessions/nope/questions/${question_id}/answer`, accept('SQLite'))).toMatchObject({
        status: 404,
        body: { error: 'session_not_found' },
      })
      expect(await client.get('/questions?after=nope')).toMatchObject({ status: 400, body: { error: 'invalid_cursor' } })
      expect(await answers()).toEqual([])
      expect((await client.get('/questions')).body.questions).toContainEqual(expect.objectContaining({ question_id, session_id }))
      expect(await client.task(task)).toMatchObject({ phase: 'waiting_input' })
      expect((await client.post(path, accept('SQLite'))).status).toBe(200)
      expect((await client.finish(task)).type).toBe('task.completed')
    },
  },
  {
    id: 'Q2',
    name: '20 answers against 20 refusals: one winner, and the same again afterwards is fine',
    async check(target) {
      const { client, task, path, answers } = await waitingQuestion(target)
      const wishes = Array.from({ length: 40 }, (_unused, index) => (index % 2 === 0 ? accept('SQLite') : { outcome: 'decline' }))
      const statuses = (await Promise.all(wishes.map((wish) => client.post(path, wish)))).map(({ status }) => status)
      expect([200, 409].map((status) => statuses.filter((one) => one === status).length)).toEqual([20, 20])
      await client.finish(task)
      const stands: readonly EventOf<'question.answered'>[] = await answers()
      expect(stands).toHaveLength(1)
      const { outcome } = stands[0]?.payload ?? {}
      const [same, another] = outcome === 'accept' ? [accept('SQLite'), accept('Postgres')] : [{ outcome: 'decline' }, accept('SQLite')]
      expect(await client.post(path, same)).toMatchObject({ status: 200, body: { ok: true, outcome } })
      expect(await client.post(path, another)).toMatchObject({ status: 409, body: { error: 'already_answered', outcome } })
    },
  },
  {
    id: 'Q3',
    name: 'answered after the stop: too late',
    async check(target) {
      const { client, session_id, task, path } = await waitingQuestion(target)
      expect((await client.post(`/sessions/${session_id}/tasks/${task.task_id}/stop`)).status).toBe(200)
      expect((await client.finish(task, () => 'leave')).type).toBe('task.stopped')
      expect(await client.post(path, accept('SQLite'))).toMatchObject({
        status: 409,
        body: { error: 'already_answered', outcome: 'cancel', answered_by: 'daemon' },
      })
    },
  },
]
