import { expect, test } from 'vitest'
import { Problem, type EventOf } from '@codesdkd/protocol'
import type { Answer, TaskHost } from './task-host.ts'
import { createStage, type Stage, type StageOptions } from './testing/stage.ts'

const question = { title: 'Which database?', schema: { type: 'object', properties: { database: { type: 'string' } } } }
const completed = { status: 'completed', reason: 'completed' } as const

async function openAsking(options: Partial<StageOptions> = {}) {
  const heard = Promise.withResolvers<Answer>()
  const run = async (host: TaskHost) => {
    heard.resolve(await host.answer(question))
    return completed
  }
  const stage = await createStage({ permissionMode: 'ask', run, ...options })
  await stage.create()
  await stage.submit('t')
  return { stage, heard: heard.promise, [Symbol.asyncDispose]: () => stage[Symbol.asyncDispose]() }
}

const asked = (stage: Stage) => stage.until(({ type }) => type === 'question.asked') as Promise<EventOf<'question.asked'>>
const answered = (stage: Stage) => stage.until(({ type }) => type === 'question.answered') as Promise<EventOf<'question.answered'>>
const problem = async (work: Promise<unknown>): Promise<Problem | null> =>
  work.then(
    () => null,
    (error: unknown) => (error instanceof Problem ? error : null),
  )

test('an answer reaches the agent, once; the same again is fine and another is refused', async () => {
  await using one = await openAsking()
  const { session } = one.stage
  const { question_id } = (await asked(one.stage)).payload
  expect(session.inbox.questions).toMatchObject([{ question_id, title: 'Which database?', task_id: 't' }])
  expect(session.resource.phase).toBe('waiting_input')
  await session.inbox.answer(question_id, { outcome: 'accept', content: { database: 'SQLite' } }, 'r')
  expect(await one.heard).toEqual({ outcome: 'accept', content: { database: 'SQLite' } })
  expect((await answered(one.stage)).payload).toMatchObject({ question_id, outcome: 'accept', answered_by: 'user' })
  expect(session.inbox.questions).toEqual([])
})

test('who comes second hears what stands', async () => {
  await using one = await openAsking({
    async run(host) {
      await Promise.all([host.answer(question), host.answer(question)])
      return completed
    },
  })
  const { session } = one.stage
  const { question_id } = (await asked(one.stage)).payload
  const accept = (database: string) => session.inbox.answer(question_id, { outcome: 'accept', content: { database } }, 'r')
  const [first, second] = await Promise.all([problem(accept('SQLite')), problem(accept('Postgres'))])
  expect(first).toBeNull()
  expect(second).toMatchObject({ code: 'already_answered', members: { outcome: 'accept', answered_by: 'user' } })
  expect(await problem(accept('SQLite'))).toBeNull()
  expect(await problem(session.inbox.answer('nobody', { outcome: 'decline' }, 'r'))).toMatchObject({ code: 'question_not_pending' })
})

test('an answer that does not fit changes nothing', async () => {
  await using one = await openAsking({ checkAnswer: (_, content) => (JSON.stringify(content) === '{}' ? ['it has no database'] : []) })
  const { session } = one.stage
  const { question_id } = (await asked(one.stage)).payload
  expect(await problem(session.inbox.answer(question_id, { outcome: 'accept' }, 'r'))).toMatchObject({ code: 'invalid_answer' })
  expect(session.inbox.questions).toHaveLength(1)
  await session.inbox.answer(question_id, { outcome: 'decline', reason: 'ask Ada' }, 'r', 'team-a')
  expect((await answered(one.stage)).payload).toMatchObject({ answered_by: 'user', actor: 'team-a' })
  expect(await one.heard).toEqual({ outcome: 'decline', reason: 'ask Ada' })
})

test('a secret in an answer reaches the agent and not the log', async () => {
  await using one = await openAsking({ secrets: ['hunter2-hunter2'] })
  const { question_id } = (await asked(one.stage)).payload
  await one.stage.session.inbox.answer(question_id, { outcome: 'accept', content: { database: 'hunter2-hunter2' } }, 'r')
  expect(await one.heard).toEqual({ outcome: 'accept', content: { database: 'hunter2-hunter2' } })
  expect(JSON.stringify(one.stage.events)).not.toContain('hunter2-hunter2')
})

test.each(['auto', 'yolo'] as const)(
  '%s waits for nobody: the question is declined at once, and the log has both',
  async (permissionMode) => {
    await using one = await openAsking({ permissionMode })
    expect(await one.heard).toMatchObject({ outcome: 'decline' })
    await asked(one.stage)
    expect((await answered(one.stage)).payload).toMatchObject({ outcome: 'decline', answered_by: 'policy' })
  },
)

test('what still waits when the task is stopped is cancelled before the task ends', async () => {
  await using one = await openAsking()
  const { question_id } = (await asked(one.stage)).payload
  await one.stage.session.stop('t', 'r')
  expect(await one.heard).toMatchObject({ outcome: 'cancel' })
  const end = await one.stage.until(({ type }) => type === 'task.stopped')
  const { seq } = await answered(one.stage)
  expect(seq).toBeLessThan(end.seq)
  expect(await problem(one.stage.session.inbox.answer(question_id, { outcome: 'decline' }, 'r'))).not.toBeNull()
})

test('a question that nobody answers in time is declined, and said when that will be', async () => {
  await using one = await openAsking({ approvalTimeoutMs: 20 })
  expect((await asked(one.stage)).payload.expires_at).toBeDefined()
  expect(await one.heard).toEqual({ outcome: 'decline', reason: 'approval_timeout' })
})

test('a question with a schema that cannot be used is declined, not left waiting', async () => {
  await using one = await openAsking({
    checkAnswer() {
      throw new Error('no such schema')
    },
  })
  expect(await one.heard).toMatchObject({ outcome: 'decline' })
  expect((await answered(one.stage)).payload.answered_by).toBe('daemon')
})

test('a question of any size is a small event', async () => {
  const huge = 'x'.repeat(1_000_000)
  await using one = await openAsking({
    async run(host) {
      expect(await host.answer({ title: huge, schema: { description: huge } })).toMatchObject({ outcome: 'decline' })
      return completed
    },
    checkAnswer: () => {
      throw new Error('the schema is too large')
    },
  })
  expect(JSON.stringify(await asked(one.stage)).length).toBeLessThan(10_000)
  expect(await one.stage.until(({ type }) => type.startsWith('task.') && type !== 'task.started')).toMatchObject({ type: 'task.completed' })
})
