import * as z from 'zod'
import { answerRequest, answerResponse, questionList } from '@codesdkd/protocol'
import { paging } from './query.ts'
import { route } from './route.ts'

export const questionRoutes = [
  route({
    method: 'GET',
    path: '/questions',
    operationId: 'listQuestions',
    tag: 'approvals',
    verb: 'questions:read',
    summary: 'Every question of an agent that waits for a person, oldest first',
    errors: ['invalid_cursor'],
    query: z.object(paging),
    returns: questionList,
    handle({ query, context }) {
      const { items, next_after } = context.sessions.questions({ after: query.after ?? null, limit: query.limit })
      return { value: { questions: [...items], next_after } }
    },
  }),
  route({
    method: 'POST',
    path: '/sessions/{session_id}/questions/{question_id}/answer',
    operationId: 'answerQuestion',
    tag: 'approvals',
    verb: 'questions:answer',
    summary: 'Answer a question of the agent, or decline to',
    description: 'Where the outcome is `accept`, `content` must fit the `schema` of the event `question.asked`.',
    errors: ['session_not_found', 'session_read_only', 'question_not_pending', 'invalid_answer', 'already_answered'],
    body: answerRequest,
    returns: answerResponse,
    async handle({ params, body, exchange, context }) {
      await context.sessions.answer(params.session_id, params.question_id, body, { requestId: exchange.id, actor: exchange.principal.name })
      return { value: { ok: true as const, question_id: params.question_id, outcome: body.outcome } }
    },
  }),
]
