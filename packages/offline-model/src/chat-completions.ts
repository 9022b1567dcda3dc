import type { IncomingHttpHeaders } from 'node:http'
import * as z from 'zod'
import type { Conversation, ConversationItem } from './conversation.ts'
import { RequestError } from './dialect.ts'
import type { Dialect, Frame } from './dialect.ts'
import { toArguments } from './native-call.ts'
import { toWhole } from './reply.ts'
import type { Reply, ReplyTool } from './reply.ts'
import type { Usage } from './scenario.ts'
import { findWorkingDirectory } from './working-directory.ts'

/** OpenAI Chat Completions, as OpenCode, Qwen Code and most others speak it. */
export const chatCompletions: Dialect = {
  name: 'chat-completions',
  mainAgent: 'opencode',
  accepts: (method, path) => method === 'POST' && path.endsWith('/chat/completions'),
  read,
  render,
  renderWhole,
  renderTokenCount: null,
  *renderFailure(_reply, { code, message }) {
    yield frame({ error: { message, type: code, param: null, code } })
  },
  errorBody: (status, message) => ({ error: { message, param: null, ...toErrorKind(status) } }),
}

// An image or a sound is a part without a text: it says nothing that a scenario could ask for.
const content = z.union([z.string(), z.array(z.looseObject({ text: z.string().optional() }))])
const message = z.looseObject({
  role: z.string(),
  content: content.nullish(),
  // The API itself has no word for reasoning. Providers use one or the other, and Qwen Code sends both back.
  reasoning_content: z.string().nullish(),
  reasoning: z.string().nullish(),
  tool_calls: z.array(z.looseObject({ id: z.string(), function: z.looseObject({ name: z.string(), arguments: z.string() }) })).nullish(),
  tool_call_id: z.string().nullish(),
})
type Message = z.infer<typeof message>

const request = z.looseObject({
  model: z.string(),
  stream: z.boolean().nullish(),
  messages: z.array(message),
  tools: z.array(z.looseObject({ function: z.looseObject({ name: z.string(), parameters: z.unknown().optional() }).optional() })).nullish(),
  response_format: z.looseObject({ type: z.string(), json_schema: z.looseObject({ schema: z.unknown().optional() }).optional() }).nullish(),
  prompt_cache_key: z.string().nullish(),
})
type Request = z.infer<typeof request>

function read(body: unknown, headers: IncomingHttpHeaders): Conversation {
  const parsed = request.safeParse(body)
  if (!parsed.success) throw new RequestError(z.prettifyError(parsed.error))
  const { model, stream, messages, prompt_cache_key } = parsed.data
  // OpenCode names its session in a header. Qwen Code does not name it at all.
  const sessionId = headers['x-session-id']
  const items = messages.flatMap(toItems)
  return {
    id: (typeof sessionId === 'string' ? sessionId : prompt_cache_key) ?? null,
    model,
    wants: stream ? 'stream' : 'whole',
    cwd: findWorkingDirectory(items),
    ...toOffer(parsed.data),
    items,
  }
}

/** Qwen Code asks for an answer in a form by offering this as the only tool. It takes the form as a text as well. */
const FORM_TOOL = 'respond_in_schema'

function toOffer({ tools, response_format: format }: Request): Pick<Conversation, 'tools' | 'answerSchema'> {
  const functions = (tools ?? []).flatMap((tool) => (tool.function ? [tool.function] : []))
  const [only] = functions
  if (functions.length === 1 && only?.name === FORM_TOOL) return { tools: [], answerSchema: only.parameters ?? { type: 'object' } }
  const schema = format?.type === 'json_schema' ? format.json_schema?.schema : format?.type === 'json_object' ? { type: 'object' } : null
  return { tools: functions.map(({ name }) => name), answerSchema: schema ?? null }
}

/** One item per part of a user message: Qwen Code puts its reminders beside what the person typed. */
function toItems(said: Message): readonly ConversationItem[] {
  const parts = toTexts(said.content)
  switch (said.role) {
    case 'user':
      return parts.map((text) => ({ kind: 'user', text }))
    case 'assistant':
      return toAssistantItems(said, parts.join('\n'))
    case 'tool':
      return [{ kind: 'tool_output', id: said.tool_call_id ?? '', text: parts.join('\n') }]
    default:
      return [{ kind: 'system', text: parts.join('\n') }]
  }
}

function toAssistantItems(said: Message, text: string): readonly ConversationItem[] {
  const reasoning = said.reasoning_content ?? said.reasoning
  const calls = (said.tool_calls ?? []).map(({ id, function: { name, arguments: input } }): ConversationItem => ({
    kind: 'tool_call',
    id,
    name,
    input: parseArguments(input),
  }))
  return [
    ...(reasoning ? [{ kind: 'reasoning', text: reasoning } as const] : []),
    ...(text ? [{ kind: 'assistant', text } as const] : []),
    ...calls,
  ]
}

function toTexts(value: Message['content']): readonly string[] {
  if (typeof value === 'string') return [value]
  return (value ?? []).flatMap(({ text }) => (text === undefined ? [] : [text]))
}

function parseArguments(input: string): unknown {
  try {
    return JSON.parse(input)
  } catch {
    return input
  }
}

function* render(reply: Reply): Generator<Frame> {
  const chunk = (delta: object, kind: Frame['kind'] = 'frame'): Frame =>
    frame(toChunk(reply, [{ index: 0, delta, finish_reason: null }]), kind)
  yield chunk({ role: 'assistant', content: '' })
  for (const delta of reply.reasoning?.deltas() ?? []) yield chunk({ reasoning_content: delta }, 'delta')
  for (const delta of reply.text?.deltas() ?? []) yield chunk({ content: delta }, 'delta')
  for (const [index, tool] of reply.tools.entries()) {
    yield chunk({ tool_calls: [{ index, ...toToolCall(tool, '') }] })
    yield chunk({ tool_calls: [{ index, function: { arguments: toArguments(tool.call) } }] }, 'delta')
  }
  yield frame(toChunk(reply, [{ index: 0, delta: {}, finish_reason: toFinishReason(reply) }]), 'end')
  // OpenAI sends the usage to those who ask for it. Every known agent asks.
  yield frame({ ...toChunk(reply, []), usage: toUsage(reply.usage) })
  yield { kind: 'frame', wire: 'data: [DONE]\n\n' }
}

function renderWhole(reply: Reply): object {
  const { id, model, reasoning, text, tools, usage } = reply
  const said = {
    role: 'assistant',
    content: text && toWhole(text),
    ...(reasoning && { reasoning_content: toWhole(reasoning) }),
    ...(tools.length > 0 && { tool_calls: tools.map((tool) => toToolCall(tool, toArguments(tool.call))) }),
  }
  return {
    id: `chatcmpl-${id}`,
    object: 'chat.completion',
    created: 0,
    model,
    choices: [{ index: 0, message: said, finish_reason: toFinishReason(reply) }],
    usage: toUsage(usage),
  }
}

function toChunk({ id, model }: Reply, choices: readonly object[]): object {
  return { id: `chatcmpl-${id}`, object: 'chat.completion.chunk', created: 0, model, choices }
}

function toToolCall({ callId, call }: ReplyTool, input: string): object {
  return { id: callId, type: 'function', function: { name: call.name, arguments: input } }
}

const toFinishReason = ({ tools }: Reply): string => (tools.length > 0 ? 'tool_calls' : 'stop')

function toUsage(usage: Usage): object {
  return {
    prompt_tokens: usage.input_tokens,
    completion_tokens: usage.output_tokens,
    total_tokens: usage.input_tokens + usage.output_tokens,
    prompt_tokens_details: { cached_tokens: usage.cached_input_tokens },
    completion_tokens_details: { reasoning_tokens: usage.reasoning_tokens },
  }
}

function toErrorKind(status: number): { readonly type: string; readonly code: string | null } {
  if (status === 401) return { type: 'invalid_request_error', code: 'invalid_api_key' }
  if (status === 429) return { type: 'requests', code: 'rate_limit_exceeded' }
  return { type: status >= 500 ? 'server_error' : 'invalid_request_error', code: null }
}

function frame(data: object, kind: Frame['kind'] = 'frame'): Frame {
  return { kind, wire: `data: ${JSON.stringify(data)}\n\n` }
}
