import * as z from 'zod'

/** One block of a transcript message. */
export const contentBlock = z
  .discriminatedUnion('type', [
    z.object({ type: z.literal('text'), text: z.string() }),
    z.object({ type: z.literal('code'), code: z.string(), language: z.string().optional() }),
    z.object({ type: z.literal('image'), media_type: z.string(), data: z.string().describe('base64') }),
    z.object({ type: z.literal('artifact_ref'), artifact_id: z.string(), media_type: z.string().optional(), name: z.string().optional() }),
    z.object({ type: z.literal('tool_use'), id: z.string(), name: z.string(), input: z.unknown() }),
    z.object({ type: z.literal('tool_result'), tool_use_id: z.string(), content: z.unknown(), is_error: z.boolean().optional() }),
  ])
  .meta({ id: 'ContentBlock' })
export type ContentBlock = z.infer<typeof contentBlock>

/** One message of the transcript, as a host sends it. */
export const message = z
  .object({
    role: z.enum(['system', 'user', 'assistant', 'tool']),
    content: z.union([z.string(), z.array(contentBlock)]),
  })
  .meta({ id: 'Message' })
export type Message = z.infer<typeof message>

/** The blocks of a message; a string is one text block. */
export function toBlocks(content: Message['content']): readonly ContentBlock[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : content
}

/** The text a person reads in a message; what is not text is named in brackets. */
export function toText(content: Message['content']): string {
  return toBlocks(content).map(blockText).join('\n')
}

function blockText(block: ContentBlock): string {
  switch (block.type) {
    case 'text':
      return block.text
    case 'code':
      return `\`\`\`${block.language ?? ''}\n${block.code}\n\`\`\``
    case 'image':
      return `[image ${block.media_type}]`
    case 'artifact_ref':
      return `[artifact ${block.name ?? block.artifact_id}]`
    case 'tool_use':
      return `[tool ${block.name} ${JSON.stringify(block.input)}]`
    case 'tool_result':
      return typeof block.content === 'string' ? block.content : JSON.stringify(block.content)
    default:
      return block satisfies never
  }
}
