import type { EventOf, Session } from '@codesdkd/protocol'
import { expect } from 'vitest'
import type { Answer, TestClient } from '../../harness/client.ts'
import type { Cell } from '../cell.ts'
import { only, ofType } from '../events.ts'
import { heard } from '../heard.ts'
import { finish, play } from '../round.ts'
import type { LegInput } from '../script.ts'

type Asked = EventOf<'question.asked'>

const asks: LegInput = {
  tools: [
    {
      tool: 'question',
      question: 'Which colour?',
      header: 'Colour',
      options: [
        { label: 'Vermilion', description: 'A red.' },
        { label: 'Cerulean', description: 'A blue.' },
      ],
    },
  ],
}

/** An answer to a question with one choice: a property of the schema, or a list of one where more may be chosen. */
function choose({ payload }: Asked, label: string): Readonly<Record<string, unknown>> {
  const { properties = {}, required } = payload.schema as {
    properties?: Readonly<Record<string, { type?: string }>>
    required?: readonly string[]
  }
  const [name = ''] = required ?? Object.keys(properties)
  return { [name]: properties[name]?.type === 'array' ? [label] : label }
}

const answer = (client: TestClient, { trace, payload }: Asked, body: object): Promise<Answer> =>
  client.post(`/sessions/${trace.session_id}/questions/${payload.question_id}/answer`, body)

const outcomeOf = ({ status, body }: Answer): unknown => (status === 200 ? body.outcome : [status, body.error])

/** The question of a task. */
const asked = (client: TestClient, { session_id }: Session, taskId: string): Promise<Asked> =>
  client.event(session_id, 'question.asked', ({ trace }) => trace.task_id === taskId)

export const questions: readonly Cell[] = [
  {
    name: 'a question of the model waits for a person; an answer that fits is heard by the model, and so is the reason for none',
    quick: true,
    needs: { supports_questions: true },
    proves: { supports_questions: true },
    async run(stage) {
      stage.script({ consult: [asks, { text: 'So be it.' }], again: [asks, { text: 'As I like.' }] })
      await using daemon = await stage.open()
      const { client } = daemon
      const session = await client.createSession(stage.session())
      const first = await client.startTask(session.session_id, 'consult')
      const question = await asked(client, session, first.task_id)
      const { question_id, title, schema } = question.payload
      expect(title).toContain('Which colour?')
      expect(await client.task(first)).toMatchObject({ status: 'running', phase: 'waiting_input' })
      expect((await client.get('/questions')).body.questions).toMatchObject([{ question_id, title, schema, task_id: first.task_id }])
      expect(outcomeOf(await answer(client, question, { outcome: 'accept', content: { nothing: ['that', 'fits'] } }))).toEqual([
        400,
        'invalid_answer',
      ])
      expect((await client.get('/questions')).body.questions).toMatchObject([{ question_id }])
      const content = choose(question, 'Cerulean')
      const answers = [
        await answer(client, question, { outcome: 'accept', content }),
        await answer(client, question, { outcome: 'accept', content }),
        await answer(client, question, { outcome: 'decline', reason: 'Changed my mind.' }),
      ]
      expect(answers.map(outcomeOf)).toEqual(['accept', 'accept', [409, 'already_answered']])
      const done = await finish(client, session, first)
      expect(done.end.type).toBe('task.completed')
      expect(only(done.events, 'question.answered').payload).toMatchObject({ outcome: 'accept', answered_by: 'user', content })
      expect(heard(stage.model, 'Cerulean', { leg: 1 })).toBe(true)
      const second = await client.startTask(session.session_id, 'again')
      await answer(client, await asked(client, session, second.task_id), { outcome: 'decline', reason: 'Colours are not my trade.' })
      const declined = await finish(client, session, second)
      expect(declined.end.type).toBe('task.completed')
      expect(heard(stage.model, 'Colours are not my trade.', { leg: 1 })).toBe(true)
      expect((await client.get('/questions')).body.questions).toEqual([])
    },
  },
  {
    name: 'auto: a question is declined at once, and the model hears why',
    needs: { supports_questions: true },
    async run(stage) {
      stage.script({ consult: [asks, { text: 'As I like.' }] })
      await using daemon = await stage.open()
      const { end, events } = await play(daemon.client, stage.session({ permissionMode: 'auto' }), 'consult')
      expect(end.type).toBe('task.completed')
      const { outcome, answered_by, reason = '' } = only(events, 'question.answered').payload
      expect([outcome, answered_by]).toEqual(['decline', 'policy'])
      expect(heard(stage.model, reason, { leg: 1 })).toBe(true)
    },
  },
  {
    name: 'auto with escalation "ask": a question waits, and a stop settles it before the task ends',
    needs: { supports_questions: true },
    async run(stage) {
      stage.script({ consult: [asks, { text: 'As I like.' }], after: [{ text: 'Yes?' }] })
      await using daemon = await stage.open()
      const { client } = daemon
      const session = await client.createSession(stage.session({ permissionMode: 'auto', escalation: 'ask' }))
      const task = await client.startTask(session.session_id, 'consult')
      const question = await asked(client, session, task.task_id)
      expect(await client.task(task)).toMatchObject({ phase: 'waiting_input' })
      await client.post(`/sessions/${session.session_id}/tasks/${task.task_id}/stop`)
      const { end, events } = await finish(client, session, task)
      expect(end.type).toBe('task.stopped')
      expect(only(events, 'question.answered').payload).toMatchObject({ outcome: 'cancel', answered_by: 'daemon' })
      const late = await answer(client, question, { outcome: 'accept', content: choose(question, 'Cerulean') })
      expect([404, 409]).toContain(late.status)
      expect(ofType(await client.events(session.session_id), 'question.answered').length).toBe(1)
      expect((await play(client, session, 'after')).end.type).toBe('task.completed')
    },
  },
  {
    name: 'a model that would ask the person cannot, and its task goes on',
    needs: { supports_questions: false },
    proves: { supports_questions: false },
    async run(stage) {
      stage.script({ consult: [asks, { text: 'As I like.' }] })
      await using daemon = await stage.open()
      const { end, events } = await play(daemon.client, stage.session(), 'consult', { decide: () => 'Nobody can be asked.' })
      expect(end.type).toBe('task.completed')
      expect(ofType(events, 'question.asked')).toEqual([])
    },
  },
]
