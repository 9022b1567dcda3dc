import { toBlockText } from './calls.ts'
import type { ContentBlock } from './native.ts'
import { inOrder } from './state.ts'
import type { AcpState, Mapped, OpenBlock } from './state.ts'
import { event } from '../observation.ts'

/** Characters. What an agent says without a pause is told in blocks of about this size: a block is held in memory until it is whole. */
const BLOCK_LIMIT = 1024 ** 2

export interface Chunk {
  readonly content: ContentBlock
  readonly messageId?: string | undefined
}

/** One more piece of what the agent says or thinks. Agents send no end of a block: it ends where another one, or a call, begins. */
export function streamChunk(before: AcpState, type: OpenBlock['type'], { content, messageId }: Chunk): Mapped {
  const delta = toBlockText(content)
  if (delta === '') return [before, []]
  return inOrder(
    before,
    (state) => (continues(state.block, type, messageId) ? [state, []] : closeBlock(state)),
    (state) => {
      const opened = state.block === null
      const block = state.block ?? { id: `${type}-${state.blocks + 1}`, type, text: '', messageId: messageId ?? null }
      const grown = { ...block, text: block.text + delta }
      const kind = type === 'text' ? 'text_delta' : 'reasoning_delta'
      return [
        { ...state, block: grown, blocks: state.blocks + (opened ? 1 : 0), textOnly: state.textOnly && type === 'text' },
        [event({ type: 'model.output.delta', payload: { kind, block_id: grown.id, delta } })],
      ]
    },
  )
}

function continues(block: OpenBlock | null, type: OpenBlock['type'], messageId: string | undefined): boolean {
  if (block === null || block.type !== type || block.text.length >= BLOCK_LIMIT) return false
  return messageId === undefined || block.messageId === null || messageId === block.messageId
}

/** The open block is whole. */
export function closeBlock(state: AcpState): Mapped {
  const { block } = state
  if (block === null) return [state, []]
  const { id: block_id, type, text } = block
  return [
    { ...state, block: null, lastText: type === 'text' ? text : state.lastText },
    [event({ type: 'model.output.completed', payload: { block_id, content: [{ type, text }] } })],
  ]
}
