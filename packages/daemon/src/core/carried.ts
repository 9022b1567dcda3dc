import { toBlocks, toText, type ContentBlock, type Message } from '@codesdkd/protocol'

/** How much of an earlier conversation is carried into a new agent session. */
export interface CarryBudget {
  /** Of text. */
  readonly characters: number
  readonly images: number
  /** Of all images together, as base64. */
  readonly imageCharacters: number
}

export interface Carried {
  readonly messages: readonly Message[]
  readonly omitted: number
  /** Messages of which only a part is carried. */
  readonly cut: number
  /** Of what is carried; what says that something is left out does not count. */
  readonly characters: number
  readonly imagesCarried: number
  readonly imagesOmitted: number
}

/**
 * What of a conversation fits into the budget. Where not all does, the instructions and the first message of the user have a quarter of it;
 * what else fits is the newest, of which at least a part is there. Where something is left out the text says so. Pure.
 */
export function toCarried(history: readonly Message[], budget: CarryBudget): Carried {
  const pieces = selectPieces(
    history.map(({ content }) => toText(content).length),
    history.findIndex(({ role }) => role === 'user'),
    history.map(({ role }) => role === 'system'),
    budget.characters,
  )
  const kept = new Map(pieces.map((piece) => [piece.index, piece]))
  const images = selectImages(history, kept, budget)
  const messages: Message[] = []
  let gap = 0
  for (const [index, message] of history.entries()) {
    const piece = kept.get(index)
    if (piece === undefined) gap += 1
    else {
      messages.push(toMessage(message, piece, { gap, images }))
      gap = 0
    }
  }
  const shown = history.flatMap(({ content }, index) => (kept.has(index) ? toBlocks(content) : [])).filter(({ type }) => type === 'image')
  return {
    messages,
    omitted: history.length - kept.size,
    cut: pieces.filter(({ part }) => part !== 'whole').length,
    characters: pieces.reduce((sum, { length }) => sum + length, 0),
    imagesCarried: images.size,
    imagesOmitted: shown.length - images.size,
  }
}

/** A message that is carried, or its beginning, or its end. */
interface Piece {
  readonly index: number
  readonly part: 'whole' | 'beginning' | 'end'
  readonly length: number
}

function selectPieces(lengths: readonly number[], firstUser: number, instructs: readonly boolean[], budget: number): readonly Piece[] {
  const total = lengths.reduce((sum, length) => sum + length, 0)
  if (total <= budget) return lengths.map((length, index) => ({ index, part: 'whole', length }))
  const newest = lengths.length - 1
  const pinned: Piece[] = []
  let left = Math.floor(budget / 4)
  for (const [index, length] of lengths.entries()) {
    if (index === newest || (index !== firstUser && instructs[index] !== true) || (left === 0 && length > 0)) continue
    pinned.push(length <= left ? { index, part: 'whole', length } : { index, part: 'beginning', length: left })
    left -= Math.min(left, length)
  }
  let rest = budget - pinned.reduce((sum, { length }) => sum + length, 0)
  const tail: Piece[] = []
  for (let index = newest; index >= 0; index -= 1) {
    if (pinned.some((piece) => piece.index === index)) continue
    const length = lengths[index] ?? 0
    if (length > rest) {
      if (tail.length === 0) tail.push({ index, part: 'end', length: rest })
      break
    }
    tail.push({ index, part: 'whole', length })
    rest -= length
  }
  return [...pinned, ...tail]
}

/** The newest images that fit. */
function selectImages(history: readonly Message[], kept: ReadonlyMap<number, Piece>, budget: CarryBudget): ReadonlySet<ContentBlock> {
  const images = new Set<ContentBlock>()
  let left = budget.imageCharacters
  for (const [index, { content }] of [...history.entries()].toReversed()) {
    if (kept.get(index)?.part !== 'whole') continue
    for (const block of toBlocks(content).toReversed()) {
      if (block.type !== 'image') continue
      if (images.size >= budget.images || block.data.length > left) return images
      images.add(block)
      left -= block.data.length
    }
  }
  return images
}

function toMessage(
  { role, content }: Message,
  { part, length }: Piece,
  { gap, images }: { gap: number; images: ReadonlySet<ContentBlock> },
): Message {
  const before = gap === 0 ? [] : [`[${gap} earlier ${gap === 1 ? 'message' : 'messages'} left out]`]
  if (part === 'whole') {
    const blocks = toBlocks(content).map((block): ContentBlock => {
      return block.type === 'image' && !images.has(block) ? { type: 'text', text: `[image ${block.media_type}, left out]` } : block
    })
    if (before.length === 0 && typeof content === 'string') return { role, content }
    return { role, content: [...before.map((text): ContentBlock => ({ type: 'text', text })), ...blocks] }
  }
  const text = toText(content)
  const left = `[${text.length - length} characters of this message left out]`
  const lines = part === 'end' ? [left, text.slice(text.length - length).toWellFormed()] : [text.slice(0, length).toWellFormed(), left]
  return { role, content: [...before, ...lines].join('\n') }
}
