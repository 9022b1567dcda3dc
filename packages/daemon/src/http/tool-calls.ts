import { toolOutputRequest, toolResultRequest, toolResultResponse } from '@codesdkd/protocol'
import { route } from './route.ts'

const errors = ['session_not_found', 'session_read_only', 'tool_call_not_running', 'attempt_mismatch', 'input_hash_mismatch'] as const

/** What a host says of tools that it runs itself. */
export const toolCallRoutes = [
  route({
    method: 'POST',
    path: '/sessions/{session_id}/tool-calls/{tool_call_id}/result',
    operationId: 'giveToolResult',
    tag: 'tools',
    verb: 'tools:answer',
    summary: 'Give the result of a tool that the host runs',
    description:
      'Wanted after `tool.call.started` with `executed_by: "host"`; `attempt` and `input_hash` are those of that event. The first result that fits the ' +
      "tool's `output_schema` stands; the same again is accepted. One that does not fit is refused, and may be given anew until the tool's time limit.",
    errors: [...errors, 'tool_result_exists', 'invalid_tool_result'],
    body: toolResultRequest,
    bodyLimit: 'taskBodyBytes',
    returns: toolResultResponse,
    async handle({ params, body, context }) {
      await context.sessions.giveResult(params.session_id, params.tool_call_id, body)
      return { value: { ok: true as const, tool_call_id: params.tool_call_id } }
    },
  }),
  route({
    method: 'POST',
    path: '/sessions/{session_id}/tool-calls/{tool_call_id}/output',
    operationId: 'writeToolOutput',
    tag: 'tools',
    verb: 'tools:answer',
    summary: 'Show what a tool of the host writes while it runs',
    description: 'Each becomes a `tool.output.delta`. Answers when it is in the log.',
    errors,
    body: toolOutputRequest,
    returns: toolResultResponse,
    async handle({ params, body, context }) {
      await context.sessions.writeOutput(params.session_id, params.tool_call_id, body)
      return { value: { ok: true as const, tool_call_id: params.tool_call_id } }
    },
  }),
]
