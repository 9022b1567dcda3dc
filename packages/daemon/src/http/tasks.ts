import * as z from 'zod'
import { createTask, Problem, stopResponse, stopTask, task, taskList, taskStarted, toText, type CreateTask } from '@codesdkd/protocol'
import { paging } from './query.ts'
import { route } from './route.ts'

export const taskRoutes = [
  route({
    method: 'POST',
    path: '/sessions/{session_id}/tasks',
    operationId: 'startTask',
    tag: 'tasks',
    verb: 'tasks:write',
    summary: 'Start a task',
    description:
      'One task of a session runs at a time; `when_busy` says what becomes of more. `steer` gives the messages to the agent in the turn that runs: this task then has ended with reason `steered`, and `steered_into` names the one that goes on; where that turn ends before it takes them, the task waits for its turn and runs by itself. ' +
      '`task_id` makes the request idempotent: the same id with the same body is accepted again and nothing runs twice. ' +
      'A leading run of `messages` that equals the transcript of the session is dropped; the last message never is.',
    errors: [
      'session_not_found',
      'session_archived',
      'session_read_only',
      'session_busy',
      'steer_unsupported',
      'task_exists',
      'permission_mode_not_allowed',
      'tool_manifest_unsupported',
      'invalid_tool_manifest',
      'invalid_output_schema',
      'artifact_not_found',
      'attachment_unsupported',
      'backpressure',
      'shutting_down',
    ],
    startsWork: true,
    requestHeaders: { Traceparent: 'Of a trace by W3C Trace Context that this task is to be a part of; what is none is ignored' },
    body: createTask,
    bodyLimit: 'taskBodyBytes',
    status: 202,
    returns: taskStarted,
    responseHeaders: { 'Idempotent-Replay': '`true` when this task was accepted before' },
    async handle({ params, body, exchange, context }) {
      checkTask(body)
      context.tracing.arrived(exchange.id, exchange.headers['traceparent']?.toString())
      const { started, replayed } = await context.sessions.submit(params.session_id, body, { requestId: exchange.id })
      return { value: started, headers: replayed ? { 'idempotent-replay': 'true' } : {} }
    },
  }),
  route({
    method: 'GET',
    path: '/sessions/{session_id}/tasks',
    operationId: 'listTasks',
    tag: 'tasks',
    verb: 'tasks:read',
    summary: 'Tasks of a session, oldest first',
    errors: ['session_not_found', 'invalid_cursor'],
    query: z.object(paging),
    returns: taskList,
    handle({ params, query, context }) {
      const { items, next_after } = context.sessions.tasks(params.session_id, { after: query.after ?? null, limit: query.limit })
      return { value: { tasks: [...items], next_after } }
    },
  }),
  route({
    method: 'GET',
    path: '/sessions/{session_id}/tasks/{task_id}',
    operationId: 'getTask',
    tag: 'tasks',
    verb: 'tasks:read',
    summary: 'One task',
    errors: ['session_not_found', 'task_not_found'],
    returns: task,
    handle: ({ params, context }) => ({ value: context.sessions.task(params.session_id, params.task_id) }),
  }),
  route({
    method: 'POST',
    path: '/sessions/{session_id}/tasks/{task_id}/stop',
    operationId: 'stopTask',
    tag: 'tasks',
    verb: 'tasks:write',
    summary: 'Stop a task',
    description:
      'Idempotent. A queued task ends at once; a running one is interrupted, and ends with `task.stopped` at the latest 15 s later. The body may be left out. ' +
      '`scope: "tree"` ends the agent with all that it has started, before the task ends. An answer to a named scope waits for the end up to 8 s and says which processes were alive, and which are.',
    errors: ['session_not_found', 'session_read_only', 'task_not_found'],
    body: stopTask,
    returns: stopResponse,
    handle: async ({ params, body, exchange, context }) => ({
      value: await context.sessions.stop(params.session_id, params.task_id, body, { requestId: exchange.id }),
    }),
  }),
]

/** What the schema cannot say. */
function checkTask(body: CreateTask): void {
  // Agents get prompts as arguments, lines or JSON; NUL survives none of these ways.
  const index = body.messages.findIndex(({ content }) => toText(content).includes('\0'))
  if (index >= 0)
    throw new Problem('invalid_request', `messages[${index}]: text must not contain NUL.`, {
      members: { field: `messages[${index}].content` },
    })
}
