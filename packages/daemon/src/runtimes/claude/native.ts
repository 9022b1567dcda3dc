import * as z from 'zod'

/** What the driver reads of Claude Code's messages. Loose on purpose: a newer one may say more. */

const text = z.string().catch('')
const maybe = z.string().nullish().catch(null)
const flag = z.boolean().catch(false)
const tokens = z.int().nonnegative().nullish().catch(null)
const record = z.record(z.string(), z.unknown())

const usage = z
  .object({
    input_tokens: tokens,
    cache_creation_input_tokens: tokens,
    cache_read_input_tokens: tokens,
    output_tokens: tokens,
    output_tokens_details: z.object({ thinking_tokens: tokens }).nullish().catch(null),
  })
  .nullish()
  .catch(null)
export type NativeUsage = NonNullable<z.infer<typeof usage>>

// ---------------------------------------------------------------- the answer as it is written

const blockKind = z.string().catch('')
const streamEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('message_start'), message: z.object({ id: z.string(), usage }) }),
  z.object({ type: z.literal('content_block_start'), index: z.int(), content_block: z.object({ type: blockKind }) }),
  z.object({
    type: z.literal('content_block_delta'),
    index: z.int(),
    delta: z.object({ type: z.string(), text, thinking: text }),
  }),
  z.object({ type: z.literal('message_delta'), usage }),
  z.object({ type: z.enum(['content_block_stop', 'message_stop', 'ping']) }),
])
export type StreamEvent = z.infer<typeof streamEvent>

// ---------------------------------------------------------------- whole messages

const contentBlock = z.union([
  z.object({ type: z.literal('text'), text: z.string() }),
  z.object({ type: z.literal('thinking'), thinking: z.string() }),
  z.object({ type: z.literal('tool_use'), id: z.string().min(1), name: z.string(), input: record.catch({}) }),
  z.object({ type: z.literal('tool_result'), tool_use_id: z.string(), content: z.unknown().optional(), is_error: flag }),
  z.object({ type: z.string().transform(() => 'other' as const) }),
])
export type ContentBlock = z.infer<typeof contentBlock>
export type ToolUse = Extract<ContentBlock, { type: 'tool_use' }>
export type ToolResult = Extract<ContentBlock, { type: 'tool_result' }>

// A prompt that is told back is a plain string.
const content = z.array(contentBlock).catch([])
const thread = { parent_tool_use_id: maybe }

const assistant = z.object({
  ...thread,
  type: z.literal('assistant'),
  message: z.object({ id: text, content }),
  /** Set where the text is no answer of the model but what went wrong. */
  error: maybe,
  /** Cut off by an interrupt. */
  aborted: flag,
})

const user = z.object({ ...thread, type: z.literal('user'), message: z.object({ content }), tool_use_result: z.unknown().optional() })

const modelUsage = z.object({
  inputTokens: tokens,
  outputTokens: tokens,
  cacheReadInputTokens: tokens,
  cacheCreationInputTokens: tokens,
  thinkingTokens: tokens,
  costUSD: z.number().nonnegative().nullish().catch(null),
})
export type ModelUsage = z.infer<typeof modelUsage>

const result = z.object({
  type: z.literal('result'),
  subtype: text,
  is_error: flag,
  terminal_reason: maybe,
  api_error_status: z.int().nullish().catch(null),
  result: maybe,
  errors: z.array(z.string()).catch([]),
  usage,
  /** By model, with all that subagents used. */
  model_usage_since_last_result: z.record(z.string(), modelUsage).nullish().catch(null),
  /** The prompt that it answers. */
  user_message_uuid: maybe,
  /** Set for a turn that nobody asked for. */
  origin: z.unknown().optional(),
})
export type NativeResult = z.infer<typeof result>

const lifecycle = z.object({ type: z.literal('command_lifecycle'), command_uuid: text, state: text })

const retry = z.object({
  type: z.literal('system'),
  subtype: z.literal('api_retry'),
  attempt: z.int().catch(0),
  max_retries: z.int().catch(0),
  error_status: z.int().nullish().catch(null),
  error: text,
})
const init = z.object({
  type: z.literal('system'),
  subtype: z.literal('init'),
  mcp_servers: z.array(z.object({ name: text, status: text })).catch([]),
})
const told = z.object({ type: z.literal('system'), subtype: z.enum(['informational', 'model_refusal_no_fallback']), content: maybe })

const stream = z.object({ ...thread, type: z.literal('stream_event'), event: streamEvent })

const native = z.union([stream, assistant, user, result, lifecycle, retry, init, told])
export type Native = z.infer<typeof native>
export type NativeOf<T extends Native['type']> = Extract<Native, { type: T }>

/** Messages of the agent's own housekeeping: what they say shows elsewhere, or means nothing to a host. */
const noise: ReadonlySet<string> = new Set([
  'system/status',
  'system/session_state_changed',
  'system/thinking_tokens',
  'system/ui_invalidate',
  'system/task_started',
  'system/task_progress',
  'system/task_updated',
  'system/task_notification',
  'system/background_tasks_changed',
  'system/hook_started',
  'system/hook_progress',
  'system/hook_response',
  'system/commands_changed',
  'system/files_persisted',
  'tool_progress',
  'tool_use_summary',
  'keep_alive',
  'stream_event',
  'user',
  'assistant',
])

/** The message as far as it is known; null for any other. Never throws. */
export function toNative(message: unknown): Native | null {
  return native.safeParse(message).data ?? null
}

const named = z.object({ type: z.string(), subtype: z.string().optional().catch(undefined) })

/** What a message is called; null for one that needs no notice. */
export function toNoticeKind(message: unknown): string | null {
  const { type = '', subtype } = named.safeParse(message).data ?? {}
  const kind = subtype === undefined ? type : `${type}/${subtype}`
  return noise.has(kind) ? null : kind
}

// ---------------------------------------------------------------- requests

const request = z.discriminatedUnion('subtype', [
  z.object({
    subtype: z.literal('hook_callback'),
    input: z.object({ hook_event_name: z.literal('PreToolUse'), tool_name: z.string() }),
  }),
  z.object({ subtype: z.literal('can_use_tool'), tool_name: z.string(), tool_use_id: z.string().min(1), input: record }),
  z.object({
    subtype: z.literal('elicitation'),
    mcp_server_name: text,
    message: text,
    mode: z.string().catch('form'),
    requested_schema: record.nullish().catch(null),
  }),
])
export type NativeRequest = z.infer<typeof request>
export type NativeRequestOf<T extends NativeRequest['subtype']> = Extract<NativeRequest, { subtype: T }>

/** The request as far as it is known; null for any other. Never throws. */
export function toNativeRequest(value: unknown): NativeRequest | null {
  return request.safeParse(value).data ?? null
}
