import type { ContentBlock, Message } from './message.ts'
import type { Transcript, TranscriptBlock } from './transcript.ts'

/**
 * A transcript as `messages` of a task: put a new message behind them, and only that one is new to the session which the transcript is
 * of, while another session is told all of it. What a task cannot be sent is left out: the agent's reasoning, its questions, and what the
 * sandbox asked about hosts. Pure, and total: never throws.
 */
export function toHistory({ messages }: Pick<Transcript, 'messages'>): readonly Message[] {
  const history = messages.map(({ role, content }) => ({ role, content: content.flatMap(toContent) }))
  return history.filter(({ content }) => content.length > 0)
}

function toContent(block: TranscriptBlock): readonly ContentBlock[] {
  switch (block.type) {
    case 'text':
      return [{ type: 'text', text: block.text }]
    case 'code':
      return [{ type: 'code', code: block.code, ...(block.language === undefined ? {} : { language: block.language }) }]
    case 'image':
    case 'artifact_ref':
      return [block]
    case 'tool_use':
      return block.gate === undefined ? [{ type: 'tool_use', id: block.id, name: block.name, input: block.input ?? null }] : []
    case 'tool_result': {
      const { tool_use_id, content, is_error } = block
      return [{ type: 'tool_result', tool_use_id, content: content ?? '', ...(is_error === undefined ? {} : { is_error }) }]
    }
    case 'reasoning':
    case 'question':
      return []
    default:
      return block satisfies never
  }
}
