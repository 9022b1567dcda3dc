import type { AgentName } from './agent-tools.ts'
import { isPrompt, lastToolOutput } from './conversation.ts'
import type { Conversation, ConversationItem } from './conversation.ts'
import type { NativeCall } from './native-call.ts'
import type { Leg, Usage } from './scenario.ts'
import type { Selection } from './selection.ts'
import { toNativeCall } from './tool-words.ts'

/** A leg made ready for a dialect: templates filled in, tools said in the agent's own words, ids and usage decided, texts cut into deltas. */
export interface Reply {
  /** The same for the same leg of the same prompt on the same attempt; every id in the stream is derived from it. */
  readonly id: string
  readonly model: string
  readonly reasoning: ReplyText | null
  readonly text: ReplyText | null
  readonly tools: readonly ReplyTool[]
  readonly usage: Usage
}

export interface ReplyTool {
  readonly callId: string
  readonly call: NativeCall
}

/** A text that is `unit` repeated `times` times. It is never built as a whole, so it may be larger than memory. */
export interface ReplyText {
  readonly unit: string
  readonly times: number
  /** The same text as deltas. */
  deltas(): Iterable<string>
}

const DEFAULT_CHUNK_SIZE = 32
const CHARACTERS_PER_TOKEN = 4

/** `attempt` counts from 1. `mainAgent` is the dialect's. */
export function toReply(conversation: Conversation, selection: Selection, attempt: number, mainAgent: AgentName): Reply {
  const { leg } = selection
  const id = [selection.scenario ?? 'fallback', selection.promptIndex, selection.legIndex, attempt].join('_')
  const fill = (text: string): string => fillTemplate(text, { prompt: selection.prompt, last_tool_output: lastToolOutput(conversation) })
  const reasoning = leg.reasoning === undefined ? null : toText(fill(leg.reasoning), leg.chunk_size)
  const text = toLegText(leg, fill)
  const tools = (leg.tools ?? []).map((tool, index) => ({
    callId: tool.call_id ?? `call_${id}_${index}`,
    call: toNativeCall(tool, conversation, mainAgent),
  }))
  const usage = leg.usage ?? estimateUsage(conversation, reasoning, text, leg)
  return { id, model: conversation.model, reasoning, text, tools, usage }
}

function toLegText(leg: Leg, fill: (text: string) => string): ReplyText | null {
  if (leg.text !== undefined) return toText(fill(leg.text), leg.chunk_size)
  if (leg.text_repeat === undefined) return null
  const unit = fill(leg.text_repeat.text)
  const { times } = leg.text_repeat
  return { unit, times, deltas: () => repeat(unit, times) }
}

function toText(text: string, chunkSize = DEFAULT_CHUNK_SIZE): ReplyText {
  return { unit: text, times: 1, deltas: () => cut(text, chunkSize) }
}

function* repeat(unit: string, times: number): Generator<string> {
  for (let n = 0; n < times; n += 1) yield unit
}

/** Cuts by code points: half a surrogate pair would not survive JSON. */
function* cut(text: string, size: number): Generator<string> {
  const characters = Array.from(text)
  for (let at = 0; at < characters.length; at += size) yield characters.slice(at, at + size).join('')
}

function fillTemplate(text: string, values: Readonly<Record<'prompt' | 'last_tool_output', string>>): string {
  return text.replaceAll(/\{\{(prompt|last_tool_output)\}\}/g, (_, name: 'prompt' | 'last_tool_output') => values[name])
}

function counts(item: ConversationItem): boolean {
  return isPrompt(item) || item.kind === 'assistant' || item.kind === 'reasoning'
}

/** What a request would cost: a quarter of the characters said so far. */
export function countInput(conversation: Conversation): number {
  return tokens(conversation.items.reduce((sum, item) => sum + ('text' in item && counts(item) ? item.text.length : 0), 0))
}

/** The whole text, for answers that are not streamed. */
export function toWhole(text: ReplyText): string {
  return text.unit.repeat(text.times)
}

/**
 * Token counts that depend on the scenario alone. What the agent adds (instructions, environment, tool outputs with
 * their wall times) differs from machine to machine and does not count.
 */
function estimateUsage(conversation: Conversation, reasoning: ReplyText | null, text: ReplyText | null, leg: Leg): Usage {
  const calls = (leg.tools ?? []).reduce((sum, tool) => sum + JSON.stringify(tool).length, 0)
  const reasoningTokens = tokens(length(reasoning))
  return {
    input_tokens: countInput(conversation),
    cached_input_tokens: 0,
    output_tokens: reasoningTokens + tokens(length(text)) + tokens(calls),
    reasoning_tokens: reasoningTokens,
  }
}

const length = (text: ReplyText | null): number => (text === null ? 0 : text.unit.length * text.times)
const tokens = (characters: number): number => Math.ceil(characters / CHARACTERS_PER_TOKEN)
