import { findLayered, putLayered } from '@codesdkd/protocol'
import type { NativeOf, StreamEvent } from './native.ts'
import { without } from './state.ts'
import type { ClaudeState, Mapped, OpenBlock, OpenMessage } from './state.ts'
import { event } from '../observation.ts'
import { toCallUsage } from './usage.ts'

/**
 * Claude Code tells an answer twice: piece by piece as it is written, and each block whole when it is done. The whole block
 * counts; what was shown of one that comes out otherwise, or is written anew, is void.
 */
export function mapStream(state: ClaudeState, { event: of, parent_tool_use_id }: NativeOf<'stream_event'>): Mapped {
  return streamInto(state, parent_tool_use_id ?? '', of)
}

function streamInto(state: ClaudeState, thread: string, of: StreamEvent): Mapped {
  const message = state.messages.get(thread)
  switch (of.type) {
    case 'message_start': {
      const [cleared, discarded] = discardOpen(state, thread)
      const opened = { id: of.message.id, usage: of.message.usage ?? null, blocks: new Map() }
      return [withMessage(cleared, thread, opened), discarded]
    }
    case 'content_block_start': {
      const kind = kinds[of.content_block.type]
      return [
        kind === undefined || message === undefined ? state : withBlock(state, thread, of.index, { kind, blockId: null, shown: '' }),
        [],
      ]
    }
    case 'content_block_delta':
      return show(state, thread, of.index, of.delta.type === 'thinking_delta' ? of.delta.thinking : of.delta.text)
    case 'message_delta':
      return [state, message === undefined ? [] : toCallUsage(message.usage, of.usage ?? null)]
    case 'content_block_stop':
    case 'message_stop':
    case 'ping':
      return [state, []]
    default:
      return of satisfies never
  }
}

const kinds: Readonly<Record<string, OpenBlock['kind']>> = { text: 'text', thinking: 'reasoning' }

/** A block that is whole. */
export function completeBlock(
  before: ClaudeState,
  { thread, messageId, partial }: { readonly thread: string; readonly messageId: string; readonly partial: boolean },
  kind: OpenBlock['kind'],
  text: string,
): Mapped {
  const streaming = before.messages.get(thread)
  const known = streaming?.id === messageId ? streaming : undefined
  const [index, open] = [...(known?.blocks ?? [])].find(([, block]) => block.kind === kind) ?? [nextIndex(known), undefined]
  const [state, restart] = open === undefined || text.startsWith(open.shown) ? [before, []] : discardBlock(before, thread, index, open)
  if (text === '' && open?.blockId == null) return [withoutBlock(state, thread, index), []]
  const [shown, rest] =
    known === undefined ? showWhole(state, `${messageId}/${kind}`, kind, text) : showRest(state, thread, index, kind, text)
  const block_id = shown.blockId
  const completed = event({
    type: 'model.output.completed',
    payload: { block_id, content: [{ type: kind, text }], ...(partial ? { partial: true } : {}) },
  })
  return [withoutBlock(shown.state, thread, index), [...restart, ...rest, completed]]
}

/** What was shown of blocks that will be written anew, or never be whole. */
export function discardOpen(state: ClaudeState, only?: string): Mapped {
  const open = [...state.messages].filter(([thread]) => only === undefined || thread === only)
  const shown = open.flatMap(([, { blocks }]) => [...blocks.values()].flatMap(({ blockId }) => (blockId === null ? [] : [blockId])))
  const messages = new Map(state.messages)
  for (const [thread] of open) messages.delete(thread)
  return [{ ...state, messages }, shown.map((block_id) => event({ type: 'model.output.discarded', payload: { block_id } }))]
}

type Shown = readonly [{ readonly state: ClaudeState; readonly blockId: string }, Mapped[1]]

function show(state: ClaudeState, thread: string, index: number, delta: string): Mapped {
  const message = state.messages.get(thread)
  const block = message?.blocks.get(index)
  if (message === undefined || block === undefined || delta === '') return [state, []]
  const [named, blockId] = block.blockId === null ? newBlockId(state, `${message.id}/${index}`) : [state, block.blockId]
  const kind = block.kind === 'text' ? 'text_delta' : 'reasoning_delta'
  const next = withBlock(named, thread, index, { ...block, blockId, shown: block.shown + delta })
  return [next, [event({ type: 'model.output.delta', payload: { kind, block_id: blockId, delta } })]]
}

/** Shows what is still missing of a block, so that its pieces are exactly its text. */
function showRest(before: ClaudeState, thread: string, index: number, kind: OpenBlock['kind'], text: string): Shown {
  const open = before.messages.get(thread)?.blocks.get(index) ?? { kind, blockId: null, shown: '' }
  const [state, observations] = show(withBlock(before, thread, index, open), thread, index, text.slice(open.shown.length))
  const blockId = state.messages.get(thread)?.blocks.get(index)?.blockId ?? open.blockId ?? ''
  return [{ state, blockId }, observations]
}

/** Shows a block of which no piece came. */
function showWhole(before: ClaudeState, native: string, kind: OpenBlock['kind'], text: string): Shown {
  const [state, blockId] = newBlockId(before, native)
  const delta = { kind: kind === 'text' ? 'text_delta' : 'reasoning_delta', block_id: blockId, delta: text } as const
  return [{ state, blockId }, [event({ type: 'model.output.delta', payload: delta })]]
}

function discardBlock(state: ClaudeState, thread: string, index: number, { kind, blockId }: OpenBlock): Mapped {
  const fresh = withBlock(state, thread, index, { kind, blockId: null, shown: '' })
  return [fresh, blockId === null ? [] : [event({ type: 'model.output.discarded', payload: { block_id: blockId } })]]
}

function newBlockId(state: ClaudeState, native: string): readonly [ClaudeState, string] {
  const use = (findLayered(state.blockUses, native) ?? 0) + 1
  return [{ ...state, blockUses: putLayered(state.blockUses, native, use) }, use === 1 ? native : `${native}#${use}`]
}

const nextIndex = (message: OpenMessage | undefined): number => Math.max(-1, ...(message?.blocks.keys() ?? [])) + 1

function withMessage(state: ClaudeState, thread: string, message: OpenMessage): ClaudeState {
  return { ...state, messages: new Map(state.messages).set(thread, message) }
}

function withBlock(state: ClaudeState, thread: string, index: number, block: OpenBlock): ClaudeState {
  const message = state.messages.get(thread)
  return message === undefined ? state : withMessage(state, thread, { ...message, blocks: new Map(message.blocks).set(index, block) })
}

function withoutBlock(state: ClaudeState, thread: string, index: number): ClaudeState {
  const message = state.messages.get(thread)
  return message === undefined ? state : withMessage(state, thread, { ...message, blocks: without(message.blocks, index) })
}
