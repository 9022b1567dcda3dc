import type { Usage } from '@codesdkd/protocol'
import * as z from 'zod'
import type { Wording } from './endpoints.ts'

/** What one message of an answer tells of it. */
export interface Told {
  readonly model: string | null
  /** Counts by the API's own names; of those told twice the later ones are right. */
  readonly counts: Readonly<Record<string, number>>
}

interface Words {
  /** Stands in every message that tells tokens: others need not be parsed. */
  readonly mark: string
  readonly read: (message: object) => Told
  readonly toUsage: (counts: Readonly<Record<string, number | undefined>>) => Usage
}

/** Far more than any model reads; sums of sums of it are whole numbers still. */
const MOST = 1e12
/** Of one array so many messages are read: the last ones, which tell what counts. An endpoint must not keep the daemon busy. */
const LAST = 1000

const count = z.int().nonnegative().max(MOST).optional().catch(undefined)
const name = z.string().max(200).optional().catch(undefined)
const nothing: Told = { model: null, counts: {} }

const messageUsage = z.object({
  input_tokens: count,
  cache_creation_input_tokens: count,
  cache_read_input_tokens: count,
  output_tokens: count,
  output_tokens_details: z.object({ thinking_tokens: count }).optional().catch(undefined),
})
const ofMessages = z.object({ model: name, usage: messageUsage.optional().catch(undefined) })

const messages: Words = {
  mark: '"usage"',
  read(message) {
    const { model, usage } = ofMessages.safeParse(inner(message, 'message')).data ?? {}
    const { output_tokens_details: details, ...counts } = usage ?? {}
    return toTold(model, { ...counts, ...details })
  },
  // This API counts what is read from its cache, or written into it, beside the input.
  toUsage: ({ input_tokens, cache_creation_input_tokens: written, cache_read_input_tokens: read, output_tokens, thinking_tokens }) => ({
    input_tokens: input_tokens === undefined ? null : input_tokens + (written ?? 0) + (read ?? 0),
    output_tokens: output_tokens ?? null,
    cached_input_tokens: read ?? null,
    reasoning_tokens: thinking_tokens ?? null,
  }),
}

const cached = z.object({ cached_tokens: count }).optional().catch(undefined)
const reasoned = z.object({ reasoning_tokens: count }).optional().catch(undefined)
const responseUsage = z.object({
  input_tokens: count,
  input_tokens_details: cached,
  output_tokens: count,
  output_tokens_details: reasoned,
})
const ofResponse = z.object({ model: name, usage: responseUsage.optional().catch(undefined) })

const responses: Words = {
  mark: '"usage"',
  read(message) {
    const { model, usage } = ofResponse.safeParse(inner(message, 'response')).data ?? {}
    const { input_tokens_details, output_tokens_details, ...counts } = usage ?? {}
    return toTold(model, { ...counts, ...input_tokens_details, ...output_tokens_details })
  },
  toUsage: ({ input_tokens, output_tokens, cached_tokens, reasoning_tokens }) => ({
    input_tokens: input_tokens ?? null,
    output_tokens: output_tokens ?? null,
    cached_input_tokens: cached_tokens ?? null,
    reasoning_tokens: reasoning_tokens ?? null,
  }),
}

const chatUsage = z.object({
  prompt_tokens: count,
  prompt_tokens_details: cached,
  completion_tokens: count,
  completion_tokens_details: reasoned,
})
const ofChat = z.object({ model: name, usage: chatUsage.optional().catch(undefined) })

const chatCompletions: Words = {
  mark: '"usage"',
  read(message) {
    const { model, usage } = ofChat.safeParse(message).data ?? {}
    const { prompt_tokens_details, completion_tokens_details, ...counts } = usage ?? {}
    return toTold(model, { ...counts, ...prompt_tokens_details, ...completion_tokens_details })
  },
  toUsage: ({ prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens }) => ({
    input_tokens: prompt_tokens ?? null,
    output_tokens: completion_tokens ?? null,
    cached_input_tokens: cached_tokens ?? null,
    reasoning_tokens: reasoning_tokens ?? null,
  }),
}

const ofContent = z.object({
  modelVersion: name,
  usageMetadata: z
    .object({
      promptTokenCount: count,
      toolUsePromptTokenCount: count,
      cachedContentTokenCount: count,
      candidatesTokenCount: count,
      thoughtsTokenCount: count,
    })
    .optional()
    .catch(undefined),
})

const generateContent: Words = {
  mark: '"usageMetadata"',
  read(message) {
    const { modelVersion, usageMetadata } = ofContent.safeParse(message).data ?? {}
    return toTold(modelVersion, usageMetadata ?? {})
  },
  toUsage({ promptTokenCount, toolUsePromptTokenCount, cachedContentTokenCount, candidatesTokenCount: said, thoughtsTokenCount: thought }) {
    return {
      input_tokens: promptTokenCount === undefined ? null : promptTokenCount + (toolUsePromptTokenCount ?? 0),
      // What is zero is left out of these messages.
      output_tokens: said === undefined && thought === undefined ? null : (said ?? 0) + (thought ?? 0),
      cached_input_tokens: cachedContentTokenCount ?? null,
      reasoning_tokens: thought ?? null,
    }
  },
}

export const tokens: Readonly<Record<Wording, Words>> = {
  messages,
  responses,
  chat_completions: chatCompletions,
  generate_content: generateContent,
}

/** Both together: what comes later counts. */
export function addTold(before: Told, { model, counts }: Told): Told {
  return { model: model ?? before.model, counts: { ...before.counts, ...counts } }
}

/** What the JSON texts of an answer tell; a stream may be one array of messages. Never throws. */
export function readTold({ mark, read }: Words, text: string): Told {
  if (!text.includes(mark)) return nothing
  try {
    const message: unknown = JSON.parse(text)
    const all: readonly unknown[] = Array.isArray(message) ? message.slice(-LAST) : [message]
    return all.filter(isObject).map(read).reduce(addTold, nothing)
  } catch {
    return nothing
  }
}

/** What an event of a stream is about, else the message itself. Looked for by hand: a schema that fails takes a hundred times as long. */
function inner(message: object, member: string): object {
  const found: unknown = Reflect.get(message, member)
  return isObject(found) ? found : message
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function toTold(model: string | undefined, counts: Readonly<Record<string, number | undefined>>): Told {
  const known = Object.entries(counts).flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const]))
  return { model: model ?? null, counts: Object.fromEntries(known) }
}
