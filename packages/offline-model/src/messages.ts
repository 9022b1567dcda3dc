import type { IncomingHttpHeaders } from 'node:http'
import * as z from 'zod'
import type { Conversation, ConversationItem } from './conversation.ts'
import { RequestError } from './dialect.ts'
import type { Dialect, Frame } from './dialect.ts'
import { toArguments } from './native-call.ts'
import { toWhole } from './reply.ts'
import type { Reply, ReplyText, ReplyTool } from './reply.ts'
import { findWorkingDirectory } from './working-directory.ts'

/** Anthropic Messages, as Claude Code speaks it. */
export const messages: Dialect = {
  name: 'messages',
  mainAgent: 'claude',
  accepts: (method, path) => method === 'POST' && /\/v1\/messages(?:\/count_tokens)?$/.test(path),
  read,
  render,
  renderWhole,
  renderTokenCount: (tokens) => ({ input_tokens: tokens }),
  *renderFailure(reply, { code, message }, started) {
    if (!started) yield startFrame(reply)
    yield frame('error', { error: { type: code, message } })
  },
  errorBody: (status, message) => ({ type: 'error', error: { type: errorTypes.get(status) ?? fallbackErrorType(status), message } }),
}

const errorTypes: ReadonlyMap<number, string> = new Map([
  [400, 'invalid_request_error'],
  [401, 'authentication_error'],
  [402, 'billing_error'],
  [403, 'permission_error'],
  [404, 'not_found_error'],
  [413, 'request_too_large'],
  [429, 'rate_limit_error'],
  [504, 'timeout_error'],
  [529, 'overloaded_error'],
])
const fallbackErrorType = (status: number): string => (status < 500 ? 'invalid_request_error' : 'api_error')

const block = z.looseObject({
  type: z.string(),
  text: z.string().optional(),
  thinking: z.string().optional(),
  id: z.string().optional(),
  name: z.string().optional(),
  input: z.unknown().optional(),
  tool_use_id: z.string().optional(),
  content: z.unknown().optional(),
})
type Block = z.infer<typeof block>
const content = z.union([z.string(), z.array(block)])
type Content = z.infer<typeof content>

const request = z.looseObject({
  model: z.string(),
  stream: z.boolean().optional(),
  system: content.optional(),
  messages: z.array(z.looseObject({ role: z.string(), content })),
  tools: z.array(z.looseObject({ name: z.string() })).optional(),
  metadata: z.looseObject({ user_id: z.string().nullish() }).nullish(),
  output_config: z.looseObject({ format: z.looseObject({ schema: z.unknown().optional() }).nullish() }).nullish(),
})
type Request = z.infer<typeof request>

function read(body: unknown, headers: IncomingHttpHeaders, path: string): Conversation {
  const parsed = request.safeParse(body)
  if (!parsed.success) throw new RequestError(z.prettifyError(parsed.error))
  const { model, stream, system, tools, output_config } = parsed.data
  const said = parsed.data.messages.flatMap((message) => toBlocks(message.content).flatMap((part) => toItems(message.role, part)))
  const items = [...toBlocks(system ?? []).flatMap((part) => toItems('system', part)), ...said]
  return {
    id: toConversationId(parsed.data, headers),
    model,
    wants: path.endsWith('/count_tokens') ? 'token_count' : stream ? 'stream' : 'whole',
    tools: (tools ?? []).map(({ name }) => name),
    cwd: findWorkingDirectory(items),
    answerSchema: output_config?.format?.schema ?? null,
    items,
  }
}

const account = z.looseObject({ session_id: z.string() })

/** Claude names its session in a header, and as JSON in a string of the body. */
function toConversationId({ metadata }: Request, headers: IncomingHttpHeaders): string | null {
  const header = headers['x-claude-code-session-id']
  if (typeof header === 'string') return header
  try {
    return account.parse(JSON.parse(metadata?.user_id ?? '')).session_id
  } catch {
    return metadata?.user_id ?? null
  }
}

const toBlocks = (value: Content): readonly Block[] => (typeof value === 'string' ? [{ type: 'text', text: value }] : value)

/** One item per block: Claude puts its reminders beside what the person typed. */
function toItems(role: string, { type, id, name, input, ...part }: Block): readonly ConversationItem[] {
  switch (type) {
    case 'text':
      return [{ kind: role === 'user' || role === 'assistant' ? role : 'system', text: part.text ?? '' }]
    case 'thinking':
      return [{ kind: 'reasoning', text: part.thinking ?? '' }]
    case 'tool_use':
      return [{ kind: 'tool_call', id: id ?? '', name: name ?? '', input: input ?? null }]
    case 'tool_result':
      return [{ kind: 'tool_output', id: part.tool_use_id ?? '', text: toOutputText(part.content) }]
    default:
      // Images and documents say nothing that a scenario could ask for.
      return []
  }
}

/** Claude counts the tokens that are left at the end of an output, and differently each time. */
const reminder = /\s*<system-reminder>(?:(?!<system-reminder>).)*<\/system-reminder>\s*$/s

function toOutputText(output: unknown): string {
  const parsed = content.safeParse(output)
  if (!parsed.success) return JSON.stringify(output ?? null)
  return toBlocks(parsed.data)
    .flatMap(({ text }) => (text === undefined ? [] : [text]))
    .join('\n')
    .replace(reminder, '')
}

function* render(reply: Reply): Generator<Frame> {
  yield startFrame(reply)
  yield frame('ping', {})
  let index = 0
  if (reply.reasoning) yield* renderThinking(reply.id, reply.reasoning, index++)
  if (reply.text) yield* renderText(reply.text, index++)
  for (const tool of reply.tools) yield* renderTool(tool, index++)
  const delta = { stop_reason: stopReason(reply), stop_sequence: null }
  yield { ...frame('message_delta', { delta, usage: toUsage(reply) }), kind: 'end' }
  yield frame('message_stop', {})
}

function* renderThinking(id: string, text: ReplyText, index: number): Generator<Frame> {
  yield frame('content_block_start', { index, content_block: { type: 'thinking', thinking: '', signature: '' } })
  for (const thinking of text.deltas()) yield deltaFrame(index, { type: 'thinking_delta', thinking }, 'delta')
  yield deltaFrame(index, { type: 'signature_delta', signature: toSignature(id) })
  yield frame('content_block_stop', { index })
}

function* renderText(text: ReplyText, index: number): Generator<Frame> {
  yield frame('content_block_start', { index, content_block: { type: 'text', text: '' } })
  for (const piece of text.deltas()) yield deltaFrame(index, { type: 'text_delta', text: piece }, 'delta')
  yield frame('content_block_stop', { index })
}

function* renderTool({ callId, call }: ReplyTool, index: number): Generator<Frame> {
  const json = Array.from(toArguments(call))
  const half = Math.ceil(json.length / 2)
  yield frame('content_block_start', { index, content_block: { type: 'tool_use', id: callId, name: call.name, input: {} } })
  // In two pieces, as an agent must expect it; they count as one delta.
  yield deltaFrame(index, { type: 'input_json_delta', partial_json: json.slice(0, half).join('') }, 'delta')
  yield deltaFrame(index, { type: 'input_json_delta', partial_json: json.slice(half).join('') })
  yield frame('content_block_stop', { index })
}

function renderWhole(reply: Reply): unknown {
  const { id, reasoning, text, tools } = reply
  return {
    ...toMessage(reply),
    content: [
      ...(reasoning ? [{ type: 'thinking', thinking: toWhole(reasoning), signature: toSignature(id) }] : []),
      ...(text ? [{ type: 'text', text: toWhole(text) }] : []),
      ...tools.map(({ callId, call }) => ({ type: 'tool_use', id: callId, name: call.name, input: call.input })),
    ],
    stop_reason: stopReason(reply),
    usage: toUsage(reply),
  }
}

const toSignature = (id: string): string => `offline:${id}`
const stopReason = ({ tools }: Reply): string => (tools.length > 0 ? 'tool_use' : 'end_turn')

/** The message before anything is said. */
function toMessage({ id, model, usage }: Reply): object {
  const input_tokens = usage.input_tokens - usage.cached_input_tokens
  return {
    id: `msg_${id}`,
    type: 'message',
    role: 'assistant',
    model,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { input_tokens, cache_creation_input_tokens: 0, cache_read_input_tokens: usage.cached_input_tokens, output_tokens: 1 },
  }
}

/** The input of this API counts what was not cached. Thinking is a part of the output. */
function toUsage({ usage }: Reply): object {
  return {
    input_tokens: usage.input_tokens - usage.cached_input_tokens,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: usage.cached_input_tokens,
    output_tokens: usage.output_tokens,
    output_tokens_details: { thinking_tokens: usage.reasoning_tokens },
  }
}

const startFrame = (reply: Reply): Frame => frame('message_start', { message: toMessage(reply) })

function deltaFrame(index: number, delta: object, kind: Frame['kind'] = 'frame'): Frame {
  return frame('content_block_delta', { index, delta }, kind)
}

function frame(type: string, data: object, kind: Frame['kind'] = 'frame'): Frame {
  return { kind, wire: `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n` }
}
