import type { EventOf, OutputBlock } from './event.ts'
import type { CallIdentity } from './tool-call.ts'
import type { TranscriptBlock } from './transcript.ts'

export type ToolUse = Extract<TranscriptBlock, { type: 'tool_use' }>
export type ToolResult = Extract<TranscriptBlock, { type: 'tool_result' }>
/** What names one attempt of a call. */
type Attempt = Pick<CallIdentity, 'tool_call_id' | 'attempt'>

export function isWritten(blockId: string): (block: TranscriptBlock) => boolean {
  return (block) => 'block_id' in block && block.block_id === blockId
}

export function isQuestion(questionId: string): (block: TranscriptBlock) => boolean {
  return (block) => block.type === 'question' && block.question_id === questionId
}

export function isUseOf({ tool_call_id, attempt }: Attempt): (block: TranscriptBlock) => boolean {
  return (block) => block.type === 'tool_use' && block.id === tool_call_id && block.attempt === attempt
}

export function isResultOf({ tool_call_id, attempt }: Attempt): (block: TranscriptBlock) => boolean {
  return (block) => block.type === 'tool_result' && block.tool_use_id === tool_call_id && block.attempt === attempt
}

export function isEmpty(block: OutputBlock): boolean {
  return (block.type === 'text' || block.type === 'reasoning') && block.text === ''
}

export function toPartial(block: OutputBlock): TranscriptBlock {
  return block.type === 'artifact_ref' ? block : { ...block, partial: true }
}

export function toToolUse({ payload }: EventOf<'tool.call.requested'>): ToolUse {
  const { tool_call_id: id, runtime_tool_call_id: _native, ...call } = payload
  return { type: 'tool_use', id, ...call, phase: 'requested' }
}

export function toQuestion({ payload: { question_id, title, schema } }: EventOf<'question.asked'>): TranscriptBlock {
  return { type: 'question', question_id, title, schema }
}

export function toDecision({ type, time, payload }: EventOf<'tool.call.approved' | 'tool.call.denied'>): NonNullable<ToolUse['decision']> {
  return {
    outcome: type === 'tool.call.approved' ? 'approved' : 'denied',
    decided_by: payload.decided_by,
    time,
    ...(payload.reason === undefined ? {} : { reason: payload.reason }),
    rules: payload.policy_snapshot.sources,
  }
}
