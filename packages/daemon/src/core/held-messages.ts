import { toBlocks, toText, type ContentBlock, type Message } from '@codesdkd/protocol'

/** What a session remembers of one message of its transcript: role, length and hash of what counts of it. */
export type HeldMessage = string

/** Of a message as an earlier version of the daemon remembered it: role and blocks, as they were sent. */
const EARLIER_FORM = /^sha256:/

type Hash = (value: unknown) => string

/**
 * What of a message counts when a host sends it again: its text without white space, because nobody knows how a host joins and splits it,
 * and of what a person sent also images and artifacts. Calls, their results and what the agent thinks are left out: hosts keep them or do not.
 */
export function toEssence({ role, content }: Message, mask: (text: string) => string = (text) => text): string {
  if (role === 'tool') return ''
  return toBlocks(content)
    .map((block) => blockEssence(block, role, mask))
    .join('')
}

function blockEssence(block: ContentBlock, role: Message['role'], mask: (text: string) => string): string {
  switch (block.type) {
    case 'text':
      return withoutSpace(mask(block.text))
    case 'code':
      return withoutSpace(mask(toText([block])))
    // NUL stands in no text that was accepted.
    case 'image':
      return role === 'assistant' ? '' : `\0${block.media_type}\0${block.data}\0`
    case 'artifact_ref':
      return role === 'assistant' ? '' : `\0${block.artifact_id}\0`
    case 'tool_use':
    case 'tool_result':
      return ''
    default:
      return block satisfies never
  }
}

const withoutSpace = (text: string) => text.replace(/\s+/g, '')

export function toHeldMessage(message: Message, hash: Hash): HeldMessage {
  const essence = toEssence(message)
  return `${message.role}:${essence.length}:${hash(essence)}`
}

/**
 * The messages that the session does not hold yet. Only a leading run that says what the transcript says from its very beginning is
 * dropped, however it is split into messages and blocks; the last message never is; a lone message is always new. `mask` hides what is
 * hidden in the log.
 */
export function newMessages(
  held: readonly HeldMessage[],
  messages: readonly Message[],
  { hash, mask }: { readonly hash: Hash; readonly mask?: (text: string) => string },
): readonly Message[] {
  const sent = messages.slice(0, -1).map((message) => ({ message, role: message.role, essence: toEssence(message, mask) }))
  let place: Place = { message: 0, offset: 0 }
  let known = 0
  for (const one of held) {
    const next = EARLIER_FORM.test(one)
      ? passWhole(sent, place, (message) => hash(comparable(message)) === one)
      : pass(sent, place, one, hash)
    if (next === null) break
    place = next
    // A message that goes on behind what is held is new; so are calls alone, of which the transcript says nothing.
    if (place.offset === 0 && sent.slice(known, place.message).some(({ essence }) => essence !== '')) known = place.message
  }
  return messages.slice(known === 0 ? 0 : afterSilent(sent, known))
}

interface Sent {
  readonly message: Message
  readonly role: Message['role']
  readonly essence: string
}

/** How far the history was read: messages, and characters of the one that follows. */
interface Place {
  readonly message: number
  readonly offset: number
}

/** Behind the next held message; null where something else was sent. */
function pass(sent: readonly Sent[], from: Place, held: HeldMessage, hash: Hash): Place | null {
  const [, role, length, digest] = /^(\w+):(\d+):(.+)$/.exec(held) ?? []
  let place = from
  let missing = Number(length)
  const parts: string[] = []
  while (missing > 0) {
    if (place.offset === 0) place = { message: afterSilent(sent, place.message), offset: 0 }
    const one = sent[place.message]
    if (one === undefined || one.role !== role) return null
    const part = one.essence.slice(place.offset, place.offset + missing)
    parts.push(part)
    missing -= part.length
    const offset = place.offset + part.length
    place = offset === one.essence.length ? { message: place.message + 1, offset: 0 } : { message: place.message, offset }
  }
  return hash(parts.join('')) === digest ? place : null
}

function passWhole(sent: readonly Sent[], { message, offset }: Place, fits: (message: Message) => boolean): Place | null {
  const one = sent[message]
  return offset === 0 && one !== undefined && fits(one.message) ? { message: message + 1, offset: 0 } : null
}

/** The next message of which anything counts. */
function afterSilent(sent: readonly Sent[], from: number): number {
  let next = from
  while (sent[next]?.essence === '') next += 1
  return next
}

/** What of a message was remembered by earlier versions: role and blocks, where adjacent text blocks are one text. */
function comparable({ role, content }: Message): unknown {
  const blocks = toBlocks(content)
  const text = blocks.every((block) => block.type === 'text')
  return { role, content: text ? blocks.map((block) => (block.type === 'text' ? block.text : '')).join('') : blocks }
}
