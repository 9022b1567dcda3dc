import type { IncomingHttpHeaders } from 'node:http'
import * as z from 'zod'
import type { Conversation, ConversationItem } from './conversation.ts'
import { RequestError } from './dialect.ts'
import type { Dialect, Frame } from './dialect.ts'
import { toArguments } from './native-call.ts'
import type { Reply, ReplyText, ReplyTool } from './reply.ts'
import { findWorkingDirectory } from './working-directory.ts'

/** OpenAI Responses, as the Codex CLI speaks it. */
export const responses: Dialect = {
  name: 'responses',
  mainAgent: 'codex',
  accepts: (method, path) => method === 'POST' && path.endsWith('/responses'),
  read,
  render,
  renderWhole: null,
  renderTokenCount: null,
  *renderFailure(reply, { code, message }, started) {
    if (!started) yield frame('response.created', { response: toResponse(reply, 'in_progress') })
    yield frame('response.failed', { response: { ...toResponse(reply, 'failed'), error: { code, message } } })
  },
  errorBody: (status, message) => ({
    error: { message, type: status === 429 ? 'rate_limit_exceeded' : 'server_error', code: null, param: null },
  }),
}

const content = z.union([z.string(), z.array(z.looseObject({ text: z.string().optional() }))])
const offered = z.array(z.looseObject({ type: z.string(), name: z.string().optional() }))
const inputItem = z.looseObject({
  type: z.string().optional(),
  role: z.string().optional(),
  content: content.nullish(),
  summary: content.nullish(),
  call_id: z.string().optional(),
  name: z.string().optional(),
  namespace: z.string().optional(),
  arguments: z.string().optional(),
  input: z.unknown().optional(),
  output: z.unknown().optional(),
  tools: offered.nullish(),
})
type InputItem = z.infer<typeof inputItem>

const request = z.looseObject({
  model: z.string(),
  stream: z.literal(true),
  input: z.union([z.string(), z.array(inputItem)]),
  instructions: z.string().nullish(),
  prompt_cache_key: z.string().nullish(),
  tools: offered.nullish(),
  text: z.looseObject({ format: z.looseObject({ schema: z.unknown().optional() }).nullish() }).nullish(),
})

function read(body: unknown, headers: IncomingHttpHeaders): Conversation {
  const parsed = request.safeParse(body)
  if (!parsed.success) throw new RequestError(z.prettifyError(parsed.error))
  const { model, input, instructions, prompt_cache_key, tools, text } = parsed.data
  const threadId = headers['thread-id']
  const said: readonly ConversationItem[] = typeof input === 'string' ? [{ kind: 'user', text: input }] : input.flatMap(toItems)
  const items: readonly ConversationItem[] = instructions ? [{ kind: 'system', text: instructions }, ...said] : said
  return {
    id: (typeof threadId === 'string' ? threadId : prompt_cache_key) ?? null,
    model,
    wants: 'stream',
    tools: toToolNames([...(tools ?? []), ...(typeof input === 'string' ? [] : input.flatMap((item) => item.tools ?? []))]),
    cwd: findWorkingDirectory(items),
    answerSchema: text?.format?.schema ?? null,
    items,
  }
}

// Codex gives some models their tools as an item of the input. What the API itself runs has a type and no name.
function toToolNames(tools: z.infer<typeof offered>): readonly string[] {
  return tools.map(({ type, name }) => name ?? type)
}

function toItems(item: InputItem): readonly ConversationItem[] {
  const type = item.type ?? 'message'
  if (type === 'message') return toMessage(item)
  if (type === 'reasoning') return [{ kind: 'reasoning', text: texts(item.summary).join('\n') }]
  if (type.endsWith('_output')) return [{ kind: 'tool_output', id: item.call_id ?? '', text: toOutputText(item.output) }]
  if (type.endsWith('_call')) return [{ kind: 'tool_call', id: item.call_id ?? '', name: toolName(item), input: toInput(item) }]
  // What is left says nothing: Codex announces the tools of some models as an item, for example.
  return []
}

/** One item per part of a user message: Codex puts its own blocks beside what the person typed. */
function toMessage(item: InputItem): readonly ConversationItem[] {
  const parts = texts(item.content)
  if (item.role === 'user') return parts.map((text) => ({ kind: 'user', text }))
  return [{ kind: item.role === 'assistant' ? 'assistant' : 'system', text: parts.join('\n') }]
}

const toolName = (item: InputItem): string => [item.namespace, item.name ?? item.type].filter(Boolean).join('__')

/** Arguments are JSON in a string; freeform input is itself. */
function toInput(item: InputItem): unknown {
  if (item.arguments === undefined) return item.input ?? null
  try {
    return JSON.parse(item.arguments)
  } catch {
    return item.arguments
  }
}

function texts(value: z.infer<typeof content> | null | undefined): readonly string[] {
  if (typeof value === 'string') return [value]
  return (value ?? []).flatMap(({ text }) => (text === undefined ? [] : [text]))
}

function toOutputText(output: unknown): string {
  const parsed = content.safeParse(output)
  return parsed.success ? texts(parsed.data).join('\n') : JSON.stringify(output ?? null)
}

function* render(reply: Reply): Generator<Frame> {
  yield frame('response.created', { response: toResponse(reply, 'in_progress') })
  let index = 0
  if (reply.reasoning) yield* renderReasoning(reply.id, reply.reasoning, index++)
  if (reply.text) yield* renderMessage(reply.id, reply.text, index++)
  for (const tool of reply.tools) yield* renderTool(tool, index++)
  yield { ...frame('response.completed', { response: toResponse(reply, 'completed') }), kind: 'end' }
}

function* renderReasoning(id: string, text: ReplyText, output_index: number): Generator<Frame> {
  const item_id = `rs_${id}`
  const at = { item_id, output_index, summary_index: 0 }
  // Without encrypted content Codex would not send the reasoning back.
  const item = (summary: string): object => ({
    type: 'reasoning',
    id: item_id,
    summary: [{ type: 'summary_text', text: summary }],
    encrypted_content: `offline:${id}`,
  })
  yield frame('response.output_item.added', { output_index, item: { type: 'reasoning', id: item_id, summary: [] } })
  yield frame('response.reasoning_summary_part.added', { ...at, part: { type: 'summary_text', text: '' } })
  for (const delta of text.deltas()) yield frame('response.reasoning_summary_text.delta', { ...at, delta }, 'delta')
  yield textFrame('response.output_item.done', (summary) => ({ output_index, item: item(summary) }), text)
}

function toPart(text: string): object {
  return { type: 'output_text', text, annotations: [] }
}

function* renderMessage(id: string, text: ReplyText, output_index: number): Generator<Frame> {
  const item_id = `msg_${id}`
  const at = { item_id, output_index, content_index: 0 }
  const item = { type: 'message', id: item_id, role: 'assistant' }
  yield frame('response.output_item.added', { output_index, item: { ...item, status: 'in_progress', content: [] } })
  yield frame('response.content_part.added', { ...at, part: toPart('') })
  for (const delta of text.deltas()) yield frame('response.output_text.delta', { ...at, delta }, 'delta')
  const done = (whole: string): object => ({ output_index, item: { ...item, status: 'completed', content: [toPart(whole)] } })
  yield textFrame('response.output_item.done', done, text)
}

function* renderTool({ callId, call }: ReplyTool, output_index: number): Generator<Frame> {
  const item = { id: `item_${callId}`, call_id: callId, name: call.name, ...(call.namespace ? { namespace: call.namespace } : {}) }
  const [type, field, event] =
    typeof call.input === 'string'
      ? (['custom_tool_call', 'input', 'response.custom_tool_call_input.delta'] as const)
      : (['function_call', 'arguments', 'response.function_call_arguments.delta'] as const)
  const input = toArguments(call)
  yield frame('response.output_item.added', { output_index, item: { type, ...item, status: 'in_progress', [field]: '' } })
  yield frame(event, { item_id: item.id, call_id: callId, output_index, delta: input }, 'delta')
  yield frame('response.output_item.done', { output_index, item: { type, ...item, status: 'completed', [field]: input } })
}

function toResponse(reply: Reply, status: 'in_progress' | 'completed' | 'failed'): object {
  const { usage } = reply
  return {
    id: `resp_${reply.id}`,
    object: 'response',
    created_at: 0,
    status,
    model: reply.model,
    output: [],
    usage:
      status !== 'completed'
        ? null
        : {
            input_tokens: usage.input_tokens,
            input_tokens_details: { cached_tokens: usage.cached_input_tokens },
            output_tokens: usage.output_tokens,
            output_tokens_details: { reasoning_tokens: usage.reasoning_tokens },
            total_tokens: usage.input_tokens + usage.output_tokens,
          },
  }
}

function frame(type: string, data: object, kind: Frame['kind'] = 'frame'): Frame {
  return { kind, wire: `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n` }
}

/** A frame that holds a whole text, in parts. */
function textFrame(type: string, data: (text: string) => object, text: ReplyText): Frame {
  return { kind: 'frame', wire: { [Symbol.iterator]: () => textParts(type, data, text) } }
}

function* textParts(type: string, data: (text: string) => object, text: ReplyText): Generator<string> {
  // The text will stand where the mark stands.
  const mark = '\u0000'
  const [head = '', tail = ''] = JSON.stringify({ type, ...data(mark) }).split(JSON.stringify(mark).slice(1, -1))
  yield `event: ${type}\ndata: ${head}`
  const unit = JSON.stringify(text.unit).slice(1, -1)
  // Many small units go into one part: a write each would cost far more than the copy.
  const perPart = Math.max(1, Math.floor(16_384 / Math.max(unit.length, 1)))
  for (let left = text.times; left > 0; left -= perPart) yield unit.repeat(Math.min(perPart, left))
  yield `${tail}\n\n`
}
