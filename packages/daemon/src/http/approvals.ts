import * as z from 'zod'
import { approvalList, approveRequest, decisionResponse, denyRequest } from '@codesdkd/protocol'
import type { DecisionRequest } from '../core/operations.ts'
import type { Exchange } from './exchange.ts'
import type { OwnContext } from './own-context.ts'
import { paging } from './query.ts'
import { route } from './route.ts'

const errors = [
  'session_not_found',
  'session_read_only',
  'tool_call_not_pending',
  'attempt_mismatch',
  'input_hash_mismatch',
  'already_decided',
] as const

export const approvalRoutes = [
  route({
    method: 'GET',
    path: '/approvals',
    operationId: 'listApprovals',
    tag: 'approvals',
    verb: 'approvals:read',
    summary: 'Everything that waits for a person, oldest first',
    errors: ['invalid_cursor'],
    query: z.object(paging),
    returns: approvalList,
    handle({ query, context }) {
      const { items, next_after } = context.sessions.approvals({ after: query.after ?? null, limit: query.limit })
      return { value: { approvals: [...items], next_after } }
    },
  }),
  route({
    method: 'POST',
    path: '/sessions/{session_id}/tool-calls/{tool_call_id}/approve',
    operationId: 'approveToolCall',
    tag: 'approvals',
    verb: 'approvals:decide',
    summary: 'Approve a tool call',
    description: '`attempt` and `input_hash` are those of the event `tool.call.requested`: what is approved is exactly what was shown.',
    errors,
    body: approveRequest,
    returns: decisionResponse,
    handle: ({ params, body, exchange, context }) => decide(context, params, toRequest('approved', body), exchange),
  }),
  route({
    method: 'POST',
    path: '/sessions/{session_id}/tool-calls/{tool_call_id}/deny',
    operationId: 'denyToolCall',
    tag: 'approvals',
    verb: 'approvals:decide',
    summary: 'Deny a tool call',
    description: '`reason` reaches the model where the runtime has a channel for it (`supports_deny_reason`).',
    errors,
    body: denyRequest,
    returns: decisionResponse,
    handle: ({ params, body, exchange, context }) => decide(context, params, toRequest('denied', body), exchange),
  }),
]

function toRequest(decision: DecisionRequest['decision'], body: z.infer<typeof denyRequest>): DecisionRequest {
  const { attempt, input_hash, reason, remember } = body
  return {
    decision,
    attempt,
    input_hash,
    ...(reason === undefined ? {} : { reason }),
    ...(remember === undefined ? {} : { remember }),
  }
}

async function decide(
  context: OwnContext,
  params: { session_id: string; tool_call_id: string },
  request: DecisionRequest,
  { id: requestId, principal }: Exchange,
) {
  const { decision } = await context.sessions.decide(params.session_id, params.tool_call_id, request, { requestId, actor: principal.name })
  return { value: { ok: true as const, tool_call_id: params.tool_call_id, decision } }
}
