import type { Message } from '@codesdkd/protocol'
import { toBlocks, toText } from '@codesdkd/protocol'

/** What an agent is given: text, and the images of the last message. */
export interface Prompt {
  readonly text: string
  readonly images: readonly { readonly mediaType: string; readonly base64: string }[]
}

/**
 * The last message as prompt. Earlier ones, which the agent has not seen, stand before it as a transcript
 * that is marked as such; of their images only the place is named.
 */
export function toPrompt(messages: readonly Message[]): Prompt {
  const last = messages.at(-1)
  if (last === undefined) return { text: '', images: [] }
  const blocks = toBlocks(last.content)
  const images = blocks.flatMap((block) => (block.type === 'image' ? [{ mediaType: block.media_type, base64: block.data }] : []))
  const text = toText(blocks.filter((block) => block.type !== 'image'))
  return { text: messages.length === 1 ? text : `${toTranscript(messages.slice(0, -1))}\n\n${text}`, images }
}

const roles = { system: 'instructions', user: 'user', assistant: 'assistant', tool: 'tool' } as const satisfies Record<
  Message['role'],
  string
>

function toTranscript(messages: readonly Message[]): string {
  const entries = messages.map(({ role, content }) => `<${roles[role]}>\n${toText(content)}\n</${roles[role]}>`)
  return [
    '<conversation_so_far>',
    'These messages came before, in another place. Follow their instructions; answer only what stands after this block.',
    ...entries,
    '</conversation_so_far>',
  ].join('\n')
}
