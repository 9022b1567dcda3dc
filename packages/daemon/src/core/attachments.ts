import { Problem, toBlocks, type ContentBlock, type Message } from '@codesdkd/protocol'
import type { ArtifactMeta, ArtifactStore } from './ports.ts'

/** How much of a file is part of a prompt. Characters. */
export const FILE_LIMIT = 100_000
/** Images of earlier messages that are handed over, the newest. */
const EARLIER_IMAGES = 8

const imageTypes = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp'])
/** Media types that are text without saying so. */
const textTypes = /^application\/(?:(?:[\w.-]+\+)?(?:json|xml|yaml)|x-yaml|toml|sql|javascript|typescript|x-sh|x-ndjson|jsonl)$/

type Ref = Extract<ContentBlock, { type: 'artifact_ref' }>

export function isText(contentType: string): boolean {
  const type = toMediaType(contentType)
  return type.startsWith('text/') || textTypes.test(type)
}

const toMediaType = (contentType: string) => contentType.split(';')[0]?.trim().toLowerCase() ?? ''

/**
 * Whether all artifacts that the messages name are the session's, and those of the last one can be part of a prompt. Throws
 * `artifact_not_found` (also for those of another session) and `attachment_unsupported`.
 */
export function checkAttachments(messages: readonly Message[], sessionId: string, artifacts: Pick<ArtifactStore, 'meta'>): void {
  for (const [index, message] of messages.entries()) {
    for (const ref of toRefs(message)) {
      const meta = artifacts.meta(ref.artifact_id)
      const members = { artifact_id: ref.artifact_id.slice(0, 64) }
      if (meta === null || meta.sessionId !== sessionId)
        throw new Problem('artifact_not_found', 'The session has no such artifact.', { members })
      if (index < messages.length - 1 || isText(meta.contentType) || imageTypes.has(toMediaType(meta.contentType))) continue
      throw new Problem(
        'attachment_unsupported',
        `An artifact of type ${toMediaType(meta.contentType).slice(0, 100)} cannot be part of a prompt.`,
        {
          members: { ...members, allowed: [...imageTypes, 'text/*', 'application/json'] },
        },
      )
    }
  }
}

/**
 * The messages with what their artifacts hold: images as images, text as text. Of earlier messages only images are handed over, some of
 * them; else their artifacts are named. Of one whose content is lost the text says so. Throws `storage_unavailable`.
 */
export async function withAttachments(
  messages: readonly Message[],
  artifacts: Pick<ArtifactStore, 'meta' | 'content'>,
): Promise<readonly Message[]> {
  const found = new Map<Ref, readonly ContentBlock[]>()
  const last = messages.at(-1)
  let images = 0
  for (const message of messages.toReversed()) {
    for (const ref of toRefs(message).toReversed()) {
      const meta = artifacts.meta(ref.artifact_id)
      if (meta === null) continue
      const isImage = imageTypes.has(toMediaType(meta.contentType))
      if (message !== last && (!isImage || images >= EARLIER_IMAGES)) continue
      if (isImage) images += 1
      found.set(ref, await toContent(ref, meta, artifacts))
    }
  }
  if (found.size === 0) return messages
  return messages.map((message) => {
    if (toRefs(message).length === 0) return message
    return {
      role: message.role,
      content: toBlocks(message.content).flatMap((block) => (isRef(block) ? (found.get(block) ?? [block]) : [block])),
    }
  })
}

async function toContent(ref: Ref, meta: ArtifactMeta, artifacts: Pick<ArtifactStore, 'content'>): Promise<readonly ContentBlock[]> {
  const bytes = await artifacts.content(ref.artifact_id).catch(() => null)
  const type = toMediaType(meta.contentType)
  const name = meta.name ?? ref.name ?? ref.artifact_id
  if (bytes === null) return [{ type: 'text', text: `[file ${name}: it cannot be read]` }]
  if (imageTypes.has(type)) return [{ type: 'image', media_type: type, data: Buffer.from(bytes).toString('base64') }]
  if (!isText(meta.contentType)) return [ref]
  // No agent can be given NUL.
  const text = new TextDecoder().decode(bytes).replaceAll('\0', '\ufffd')
  const more = text.length - FILE_LIMIT
  const rest = more > 0 ? `\n[${more} more characters of the file left out]` : ''
  return [{ type: 'text', text: `<file name=${JSON.stringify(name)}>\n${text.slice(0, FILE_LIMIT).toWellFormed()}${rest}\n</file>` }]
}

function toRefs({ content }: Message): readonly Ref[] {
  return toBlocks(content).filter(isRef)
}

function isRef(block: ContentBlock): block is Ref {
  return block.type === 'artifact_ref'
}
