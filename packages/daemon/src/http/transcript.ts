import * as z from 'zod'
import { taskId, transcriptPage } from '@codesdkd/protocol'
import { readTranscript } from '../core/transcript-page.ts'
import { sessionNotFound } from '../core/unknown.ts'
import { isMatch } from './etag.ts'
import { pageSize } from './query.ts'
import { json } from './reply.ts'
import { rawRoute, type Route } from './route.ts'

export const transcriptRoutes: readonly Route[] = [
  rawRoute({
    method: 'GET',
    path: '/sessions/{session_id}/transcript',
    operationId: 'readTranscript',
    tag: 'sessions',
    verb: 'events:read',
    summary: 'The conversation of a session, folded from its log',
    description:
      'What was said, oldest first: the messages that hosts sent, what the agent wrote, its calls with who decided them, and their results. Output that was discarded is ' +
      'left out, what is being written is in it. A page is cut at `limit` messages or about 1 MB. Large results are artifacts; progress of calls, plans and notices stand in the events alone. ' +
      'To keep the last page up to date, follow the events after its `last_seq`.',
    requestHeaders: { 'If-None-Match': 'ETags that the client has; if one is current, the answer is 304' },
    errors: ['session_not_found', 'task_not_found', 'invalid_cursor'],
    query: z.object({
      after: z.string().optional().describe('cursor: the `next_after` of the page before, or any `message_id`'),
      limit: pageSize({ fallback: 100, max: 500 }),
      task_id: taskId.optional().describe('only this task'),
    }),
    success: {
      status: 200,
      description: 'A page of the transcript',
      content: { 'application/json': transcriptPage },
      headers: { ETag: 'changes with every event of the session' },
    },
    async handle({ params, query, exchange, context }) {
      const { log, sessions } = context
      const sessionId = params.session_id
      const lastSeq = log.lastSeq(sessionId)
      if (lastSeq === 0) throw sessionNotFound(sessionId)
      const task = query.task_id === undefined ? null : sessions.task(sessionId, query.task_id)
      const etag = `"${log.logId}.${lastSeq}"`
      if (isMatch(exchange.headers['if-none-match'], etag)) return { status: 304, headers: { etag }, body: null }
      const page = await readTranscript(log, {
        sessionId,
        lastSeq,
        after: query.after ?? null,
        limit: query.limit,
        task:
          task === null
            ? null
            : { taskId: task.task_id, first: task.first_seq ?? 1, last: task.ended_at === null ? lastSeq : task.last_seq },
        signal: exchange.signal,
      })
      return json(200, page, { etag })
    },
  }),
]
