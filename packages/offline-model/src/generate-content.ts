import type { IncomingHttpHeaders } from 'node:http'
import * as z from 'zod'
import type { Conversation, ConversationItem } from './conversation.ts'
import { RequestError } from './dialect.ts'
import type { Dialect, Frame } from './dialect.ts'
import { toWhole } from './reply.ts'
import type { Reply, ReplyTool } from './reply.ts'
import type { Usage } from './scenario.ts'
import { findWorkingDirectory } from './working-directory.ts'

/** Gemini's generateContent, as the Gemini CLI speaks it. */
export const generateContent: Dialect = {
  name: 'generate-content',
  mainAgent: 'gemini',
  accepts: (method, path) => method === 'POST' && methodPath.test(path),
  read,
  render,
  renderWhole,
  renderTokenCount: (totalTokens) => ({ totalTokens }),
  // Not an event: the API writes the error itself into the stream.
  *renderFailure(_reply, { code, message }) {
    yield { kind: 'frame', wire: JSON.stringify({ error: toFailure(code, message) }) }
  },
  errorBody: (status, message) => ({ error: { code: status, message, status: toStatusName(status) } }),
}

const methodPath = /\/models\/([^/:]+):(streamGenerateContent|generateContent|countTokens)$/
const wants: Readonly<Record<string, Conversation['wants']>> = {
  streamGenerateContent: 'stream',
  generateContent: 'whole',
  countTokens: 'token_count',
}

const part = z.looseObject({
  text: z.string().optional(),
  thought: z.boolean().optional(),
  functionCall: z.looseObject({ id: z.string().optional(), name: z.string(), args: z.unknown().optional() }).optional(),
  functionResponse: z.looseObject({ id: z.string().optional(), name: z.string(), response: z.unknown().optional() }).optional(),
})
type Part = z.infer<typeof part>

const content = z.looseObject({ role: z.string().optional(), parts: z.array(part).default([]) })
const request = z.looseObject({
  contents: z.array(content),
  systemInstruction: content.nullish(),
  tools: z.array(z.looseObject({ functionDeclarations: z.array(z.looseObject({ name: z.string() })).optional() })).nullish(),
  generationConfig: z
    .looseObject({
      responseMimeType: z.string().optional(),
      responseJsonSchema: z.unknown().optional(),
      responseSchema: z.unknown().optional(),
    })
    .nullish(),
})
type Request = z.infer<typeof request>

function read(body: unknown, _headers: IncomingHttpHeaders, path: string): Conversation {
  const parsed = request.safeParse(body)
  if (!parsed.success) throw new RequestError(z.prettifyError(parsed.error))
  const { contents, systemInstruction, tools, generationConfig } = parsed.data
  const [, model = '', method = ''] = methodPath.exec(path) ?? []
  const instructions = (systemInstruction?.parts ?? []).flatMap(({ text }) => (text ? [{ kind: 'system', text } as const] : []))
  const items = [...instructions, ...contents.flatMap(({ role, parts }) => parts.flatMap((each) => toItems(each, role === 'model')))]
  return {
    // Nothing in a request names the conversation.
    id: null,
    model,
    wants: wants[method] ?? 'stream',
    tools: (tools ?? []).flatMap(({ functionDeclarations = [] }) => functionDeclarations.map(({ name }) => name)),
    cwd: findWorkingDirectory(items),
    answerSchema: toAnswerSchema(generationConfig),
    items,
  }
}

function toAnswerSchema(config: Request['generationConfig']): unknown {
  const schema = config?.responseJsonSchema ?? config?.responseSchema
  return schema ?? (config?.responseMimeType === 'application/json' ? { type: 'object' } : null)
}

function toItems({ text, thought, functionCall, functionResponse }: Part, spoken: boolean): readonly ConversationItem[] {
  if (functionCall) {
    const { name, id = name, args = {} } = functionCall
    return [{ kind: 'tool_call', id, name, input: args }]
  }
  // What a tool gave comes in the user's name.
  if (functionResponse) {
    const { name, id = name, response } = functionResponse
    return [{ kind: 'tool_output', id, text: toOutputText(response) }]
  }
  if (!text) return []
  if (!spoken) return [{ kind: 'user', text }]
  return [{ kind: thought ? 'reasoning' : 'assistant', text }]
}

const toolResponse = z.union([
  z.object({ output: z.string() }).transform(({ output }) => output),
  z.object({ error: z.string() }).transform(({ error }) => error),
])

function toOutputText(response: unknown): string {
  const parsed = toolResponse.safeParse(response)
  return parsed.success ? parsed.data : JSON.stringify(response ?? null)
}

function* render(reply: Reply): Generator<Frame> {
  // A thought comes whole: the agent takes every piece for a thought of its own.
  if (reply.reasoning) yield frame(toResponse(reply, [{ text: toWhole(reply.reasoning), thought: true }]), 'delta')
  for (const text of reply.text?.deltas() ?? []) yield frame(toResponse(reply, [{ text }]), 'delta')
  for (const tool of reply.tools) yield frame(toResponse(reply, [toFunctionCall(tool)]), 'delta')
  yield frame(toEnd(reply, [{ text: '' }]), 'end')
}

function renderWhole(reply: Reply): object {
  const { reasoning, text, tools } = reply
  return toEnd(reply, [
    ...(reasoning ? [{ text: toWhole(reasoning), thought: true }] : []),
    ...(text ? [{ text: toWhole(text) }] : []),
    ...tools.map(toFunctionCall),
  ])
}

function toFunctionCall({ callId, call: { name, input } }: ReplyTool): object {
  // Arguments are an object here: there is no freeform input, nor a broken one.
  return { functionCall: { id: callId, name, args: typeof input === 'string' ? { input } : input } }
}

function toResponse({ id, model }: Reply, parts: readonly object[], end: object = {}): object {
  return { candidates: [{ content: { role: 'model', parts }, index: 0, ...end }], modelVersion: model, responseId: id }
}

function toEnd(reply: Reply, parts: readonly object[]): object {
  return { ...toResponse(reply, parts, { finishReason: 'STOP' }), usageMetadata: toUsage(reply.usage) }
}

function toUsage({ input_tokens, cached_input_tokens, output_tokens, reasoning_tokens }: Usage): object {
  return {
    promptTokenCount: input_tokens,
    cachedContentTokenCount: cached_input_tokens,
    candidatesTokenCount: output_tokens - reasoning_tokens,
    thoughtsTokenCount: reasoning_tokens,
    totalTokenCount: input_tokens + output_tokens,
  }
}

const statusNames = new Map([
  [400, 'INVALID_ARGUMENT'],
  [401, 'UNAUTHENTICATED'],
  [403, 'PERMISSION_DENIED'],
  [404, 'NOT_FOUND'],
  [429, 'RESOURCE_EXHAUSTED'],
  [499, 'CANCELLED'],
  [500, 'INTERNAL'],
  [503, 'UNAVAILABLE'],
  [504, 'DEADLINE_EXCEEDED'],
])

function toStatusName(status: number): string {
  return statusNames.get(status) ?? (status < 500 ? 'FAILED_PRECONDITION' : 'UNKNOWN')
}

/** A scenario's code is the name of a status here, or one of the words that other APIs have for it. */
function toFailure(code: string, message: string): object {
  const [status, name] = [...statusNames].find(([, each]) => each === code) ?? foreignCodes[code] ?? [500, 'INTERNAL']
  return { code: status, message, status: name }
}

const foreignCodes: Readonly<Record<string, readonly [number, string]>> = {
  context_length_exceeded: [400, 'INVALID_ARGUMENT'],
  rate_limit_exceeded: [429, 'RESOURCE_EXHAUSTED'],
  insufficient_quota: [429, 'RESOURCE_EXHAUSTED'],
}

function frame(data: object, kind: Frame['kind']): Frame {
  return { kind, wire: `data: ${JSON.stringify(data)}\n\n` }
}
