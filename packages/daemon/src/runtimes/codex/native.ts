import * as z from 'zod'

/** What the driver reads of the Codex app-server's messages. Loose on purpose: a newer Codex may say more. */

const text = z.string().catch('')
const maybe = z.string().nullish().catch(null)
const number = z.number().nullish().catch(null)
const status = z.string().catch('completed')
const started = { id: z.string() }

const commandItem = z.object({
  ...started,
  type: z.literal('commandExecution'),
  command: text,
  cwd: text,
  processId: maybe,
  source: maybe,
  status,
  aggregatedOutput: maybe,
  exitCode: number,
  durationMs: number,
})

const patchKind = z.object({ type: z.enum(['add', 'delete', 'update']), move_path: maybe }).catch({ type: 'update', move_path: null })
// Of a move Codex says so once more after the hunks; that is no part of a diff.
const change = z
  .object({ path: z.string(), kind: patchKind, diff: text })
  .transform(({ path, kind, diff }) => ({ path, kind, diff: kind.move_path == null ? diff : diff.replace(/\n\nMoved to: [^\n]*$/, '') }))
const patchItem = z.object({ ...started, type: z.literal('fileChange'), status, changes: z.array(change).catch([]) })

const mcpItem = z.object({
  ...started,
  type: z.literal('mcpToolCall'),
  server: text,
  tool: text,
  arguments: z.unknown().optional(),
  readOnlyHint: z.boolean().nullish().catch(null),
  status,
  result: z
    .object({ content: z.array(z.unknown().optional()).catch([]), structuredContent: z.unknown().optional() })
    .nullish()
    .catch(null),
  error: z.object({ message: text }).nullish().catch(null),
  durationMs: number,
})

const messageItem = z.object({ ...started, type: z.enum(['agentMessage', 'plan']), text })
const reasoningItem = z.object({
  ...started,
  type: z.literal('reasoning'),
  summary: z.array(z.string()).catch([]),
  content: z.array(z.string()).catch([]),
})
const otherItem = z.looseObject({ ...started, type: z.string() })

export type CommandItem = z.infer<typeof commandItem>
export type PatchItem = z.infer<typeof patchItem>
export type PatchChange = z.infer<typeof change>
export type McpItem = z.infer<typeof mcpItem>
export type OtherItem = z.infer<typeof otherItem>

const anyItem = z.union([
  z.discriminatedUnion('type', [commandItem, patchItem, mcpItem, messageItem, reasoningItem]),
  otherItem.transform((other) => ({ id: other.id, type: 'other' as const, item: other })),
])
export type Item = z.infer<typeof anyItem>

const errorInfo = z
  .union([z.string(), z.record(z.string(), z.unknown().optional())])
  .nullish()
  .catch(null)
const nativeError = z.object({ message: text, codexErrorInfo: errorInfo, additionalDetails: maybe })
export type NativeError = z.infer<typeof nativeError>

const tokens = z.int().nonnegative().nullish().catch(null)
const turnId = { turnId: z.string() }
const delta = { ...turnId, itemId: z.string(), delta: z.string() }
const part = z.int().nonnegative().catch(0)

/** A notification or request of the app-server that means something to a turn. */
const native = z.discriminatedUnion('method', [
  on('turn/started', { turn: z.object({ id: z.string() }) }),
  on('turn/completed', { turn: z.object({ id: z.string(), status: z.string(), error: nativeError.nullish().catch(null) }) }),
  on('turn/plan/updated', {
    ...turnId,
    explanation: maybe,
    plan: z.array(z.object({ step: z.string(), status: z.enum(['pending', 'inProgress', 'completed']).catch('pending') })),
  }),
  on('item/started', { ...turnId, item: anyItem }),
  on('item/completed', { ...turnId, item: anyItem }),
  on('item/agentMessage/delta', delta),
  on('item/plan/delta', delta),
  on('item/reasoning/summaryTextDelta', { ...delta, summaryIndex: part }),
  on('item/reasoning/textDelta', { ...delta, contentIndex: part }),
  on('item/commandExecution/outputDelta', delta),
  on('item/commandExecution/terminalInteraction', { ...turnId, itemId: z.string(), stdin: text }),
  on('thread/tokenUsage/updated', {
    ...turnId,
    tokenUsage: z.object({
      last: z.object({ inputTokens: tokens, cachedInputTokens: tokens, outputTokens: tokens, reasoningOutputTokens: tokens }),
      modelContextWindow: tokens,
    }),
  }),
  on('account/rateLimits/updated', { rateLimits: z.record(z.string(), z.unknown().optional()) }),
  on('error', { turnId: maybe, error: nativeError, willRetry: z.boolean().catch(false) }),
  on('warning', { message: text }),
  on('configWarning', { summary: text, details: maybe }),
  on('mcpServer/startupStatus/updated', { name: text, status: text, error: maybe }),
  on('rawResponseItem/completed', { ...turnId, item: z.looseObject({ type: z.string() }) }),
  on('serverRequest/resolved', { requestId: z.union([z.string(), z.number()]) }),
  on('item/commandExecution/requestApproval', {
    ...turnId,
    itemId: z.string(),
    kind: z.string().catch('command'),
    approvalId: maybe,
    reason: maybe,
    command: maybe,
    cwd: maybe,
    networkApprovalContext: z.unknown().optional(),
  }),
  on('item/fileChange/requestApproval', { ...turnId, itemId: z.string(), reason: maybe, grantRoot: maybe }),
  on('item/permissions/requestApproval', { ...turnId, itemId: z.string(), cwd: maybe, reason: maybe, permissions: z.unknown().optional() }),
  on('mcpServer/elicitation/request', {
    turnId: maybe,
    serverName: text,
    message: text,
    mode: maybe,
    requestedSchema: z.record(z.string(), z.unknown()).nullish().catch(null),
    _meta: z
      .looseObject({ codex_approval_kind: maybe, tool_name: maybe, tool_description: maybe, tool_params: z.unknown().optional() })
      .nullish()
      .catch(null),
  }),
  on('item/tool/requestUserInput', {
    ...turnId,
    questions: z
      .array(
        z.object({
          id: z.string(),
          question: text,
          isOther: z.boolean().nullish().catch(null),
          options: z
            .array(z.object({ label: z.string(), description: maybe }))
            .nullish()
            .catch(null),
        }),
      )
      .catch([]),
  }),
])
export type Native = z.infer<typeof native>
export type NativeMethod = Native['method']
export type NativeOf<M extends NativeMethod> = Extract<Native, { method: M }>['params']

function on<M extends string, S extends z.ZodRawShape>(method: M, params: S) {
  return z.object({ method: z.literal(method), params: z.object(params) })
}

/** The message as the driver understands it; null when it does not know the method or cannot read the parameters. */
export function toNative(method: string, params: unknown): Native | null {
  const parsed = native.safeParse({ method, params })
  return parsed.success ? parsed.data : null
}

/** Whether a call wants to leave its sandbox. */
export type SandboxWish = 'stay' | 'leave' | 'unknown'

/** A call as the model made it, or what it was told of it. Codex shows more in them than in its own items. */
export type RawItem =
  | { readonly kind: 'shell'; readonly id: string; readonly command: string; readonly workdir: string | null; readonly wish: SandboxWish }
  | { readonly kind: 'script'; readonly id: string; readonly code: string }
  | { readonly kind: 'output'; readonly id: string; readonly text: string }

const outputText = z.union([z.string(), z.array(z.object({ text })).transform((parts) => parts.map((one) => one.text).join('\n'))])
const rawItem = z.discriminatedUnion('type', [
  z.object({ type: z.literal('function_call'), call_id: z.string(), name: z.string(), arguments: z.string() }),
  z.object({ type: z.literal('custom_tool_call'), call_id: z.string(), name: z.string(), input: z.string() }),
  z.object({ type: z.literal('function_call_output'), call_id: z.string(), output: outputText }),
  z.object({ type: z.literal('custom_tool_call_output'), call_id: z.string(), output: outputText }),
])
const shellArguments = z.object({ cmd: text, workdir: maybe, sandbox_permissions: z.unknown().optional() })

/** A raw response item as far as it says something of a call; else null. */
export function toRawItem(raw: unknown): RawItem | null {
  const parsed = rawItem.safeParse(raw)
  if (!parsed.success) return null
  const item = parsed.data
  switch (item.type) {
    case 'function_call':
      return toShellItem(item.call_id, item.arguments)
    // Models that write their calls as code have one tool, which runs it.
    case 'custom_tool_call':
      return item.name === 'exec' ? { kind: 'script', id: item.call_id, code: item.input } : null
    case 'function_call_output':
    case 'custom_tool_call_output':
      return { kind: 'output', id: item.call_id, text: item.output }
    default:
      return item satisfies never
  }
}

function toShellItem(id: string, json: string): RawItem {
  const unknown: RawItem = { kind: 'shell', id, command: '', workdir: null, wish: 'unknown' }
  try {
    const parsed = shellArguments.safeParse(JSON.parse(json))
    if (!parsed.success) return unknown
    const { cmd, workdir, sandbox_permissions: permissions } = parsed.data
    return {
      kind: 'shell',
      id,
      command: cmd,
      workdir: workdir ?? null,
      wish: permissions === undefined || permissions === 'use_default' ? 'stay' : 'leave',
    }
  } catch {
    return unknown
  }
}

/** Notifications that tell a host nothing it could use. All others that are not understood are kept as notices. */
export const noise: ReadonlySet<string> = new Set([
  'account/login/completed',
  'account/updated',
  'app/list/updated',
  'item/autoApprovalReview/completed',
  'item/autoApprovalReview/started',
  'item/fileChange/outputDelta',
  'item/fileChange/patchUpdated',
  'item/mcpToolCall/progress',
  'item/reasoning/summaryPartAdded',
  'rawResponse/completed',
  'remoteControl/status/changed',
  'skills/changed',
  'thread/archived',
  'thread/closed',
  'thread/environment/connected',
  'thread/goal/cleared',
  'thread/name/updated',
  'thread/queue/changed',
  'thread/readState/changed',
  'thread/settings/updated',
  'thread/started',
  'thread/status/changed',
  'turn/diff/updated',
  'turn/moderationMetadata',
])
