import type { Message } from '@codesdkd/protocol'
import { toPrompt } from '../prompt.ts'

/** A prompt as content blocks of the protocol, and how many images were left out because the agent takes none. */
export function toPromptContent(
  messages: readonly Message[],
  takesImages: boolean,
): { readonly content: readonly object[]; readonly omitted: number } {
  const { text, images } = toPrompt(messages)
  const shown = takesImages ? images.map(({ mediaType, base64 }) => ({ type: 'image', mimeType: mediaType, data: base64 })) : []
  const omitted = images.length - shown.length
  const places = Array.from({ length: omitted }, (_, index) => `[image ${index + 1}: not shown]`)
  const whole = [...(text === '' ? [] : [text]), ...places].join('\n')
  return { content: [...(whole === '' && shown.length > 0 ? [] : [{ type: 'text', text: whole }]), ...shown], omitted }
}
