import * as z from 'zod'

/** Who settled a question: the person, the policy of the session's mode, or the daemon because its task ended or its time was over. */
export const answeredBy = z.enum(['user', 'policy', 'daemon'])
export type AnsweredBy = z.infer<typeof answeredBy>

export const answerOutcome = z.enum(['accept', 'decline', 'cancel'])
export type AnswerOutcome = z.infer<typeof answerOutcome>

const content = z.record(z.string(), z.unknown())

/** Body of `POST /sessions/<id>/questions/<id>/answer`. `content` must fit the question's schema. */
export const answerRequest = z
  .object({
    outcome: z.enum(['accept', 'decline']),
    content: content.optional().describe('the answer, where the outcome is `accept`'),
    reason: z.string().max(4096).optional().describe('why not, where the outcome is `decline`; at most 4 KB'),
  })
  .meta({ id: 'AnswerRequest', example: { outcome: 'accept', content: { database: 'SQLite' } } })
export type AnswerRequest = z.infer<typeof answerRequest>

export const answerResponse = z
  .object({ ok: z.literal(true), question_id: z.string(), outcome: answerOutcome })
  .meta({ id: 'AnswerResponse' })
export type AnswerResponse = z.infer<typeof answerResponse>

/** One entry of `GET /questions`: what an agent wants to know of the person. */
export const openQuestion = z
  .object({
    question_id: z.string(),
    session_id: z.string(),
    task_id: z.string(),
    runtime: z.string(),
    title: z.string(),
    schema: z.unknown().describe('JSON Schema of `content`'),
    asked_at: z.string(),
    expires_at: z.string().nullable(),
  })
  .meta({ id: 'Question' })
export type OpenQuestion = z.infer<typeof openQuestion>

export const questionList = z.object({ questions: z.array(openQuestion), next_after: z.string().nullable() }).meta({ id: 'QuestionList' })
export type QuestionList = z.infer<typeof questionList>
