import type { ContentBlock } from '@codesdkd/protocol'

/** A picture that goes with a prompt. */
export interface PromptImage {
  readonly name: string
  readonly mediaType: string
  /** base64 */
  readonly data: string
}

/** The pictures among files; all else is left out. */
export async function readImages(files: Iterable<File>): Promise<readonly PromptImage[]> {
  return Promise.all([...files].filter(({ type }) => type.startsWith('image/')).map(readImage))
}

export function toPrompt(text: string, images: readonly PromptImage[]): readonly ContentBlock[] {
  const shown = images.map(({ mediaType, data }) => ({ type: 'image' as const, media_type: mediaType, data }))
  return text.trim() === '' ? shown : [{ type: 'text', text }, ...shown]
}

async function readImage(file: File): Promise<PromptImage> {
  const bytes = new Uint8Array(await file.arrayBuffer())
  let text = ''
  // A call takes so many arguments and no more.
  for (let at = 0; at < bytes.length; at += 32_768) text += String.fromCodePoint(...bytes.subarray(at, at + 32_768))
  return { name: file.name, mediaType: file.type, data: btoa(text) }
}
