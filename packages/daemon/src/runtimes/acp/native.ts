import type { ToolKind } from '@codesdkd/protocol'
import * as z from 'zod'

/**
 * What agents say in the Agent Client Protocol, as far as the daemon looks at it. Readers are tolerant: a field of the wrong
 * type counts as absent, so that one odd field never hides a whole message.
 */

const text = z.string().optional().catch(undefined)
const meta = z.record(z.string(), z.unknown()).optional().catch(undefined)

/** A list of which the items that are not understood are left out; null where there is no list. */
function listOf<T extends z.ZodType>(item: T) {
  return z
    .array(z.unknown())
    .nullable()
    .catch(null)
    .transform((items) => items?.flatMap((one) => toList(item.safeParse(one))) ?? null)
}

function toList<T>(parsed: { readonly success: true; readonly data: T } | { readonly success: false }): readonly T[] {
  return parsed.success ? [parsed.data] : []
}

// ---------------------------------------------------------------- content

const textBlock = z.object({ type: z.literal('text'), text: z.string() })
/** A block of a prompt or of an answer; of what is no text only the type is looked at. */
export const contentBlock = textBlock.or(z.looseObject({ type: z.string() }))
export type ContentBlock = z.infer<typeof contentBlock>

const toolContent = z.union([
  z.object({ type: z.literal('content'), content: contentBlock }),
  z.object({ type: z.literal('diff'), path: z.string(), oldText: z.string().nullish().catch(null), newText: z.string(), _meta: meta }),
  z.object({ type: z.literal('terminal'), terminalId: z.string() }),
])
export type ToolContent = z.infer<typeof toolContent>
export type DiffContent = Extract<ToolContent, { type: 'diff' }>

// ---------------------------------------------------------------- calls

const kinds = ['read', 'edit', 'delete', 'move', 'search', 'execute', 'think', 'fetch', 'other'] as const satisfies readonly ToolKind[]

const toolFields = z.object({
  toolCallId: z.string().min(1),
  title: text,
  name: text,
  // Also what the protocol knows and the daemon does not, such as `switch_mode`: nobody may take it for something harmless.
  kind: z
    .string()
    .transform((kind) => kinds.find((known) => known === kind) ?? 'other')
    .optional()
    .catch(undefined),
  status: z.enum(['pending', 'in_progress', 'completed', 'failed']).optional().catch(undefined),
  content: listOf(toolContent).optional(),
  locations: listOf(z.object({ path: z.string().min(1), line: z.int().nullish().catch(null) })).optional(),
  rawInput: z.unknown().optional(),
  rawOutput: z.unknown().optional(),
  _meta: meta,
})

/** What an agent has told of one call so far; a later message overwrites the fields it names. */
export interface AcpTool {
  readonly id: string
  readonly title: string
  readonly name: string | null
  readonly kind: ToolKind
  readonly status: 'pending' | 'in_progress' | 'completed' | 'failed'
  readonly content: readonly ToolContent[]
  readonly locations: readonly { readonly path: string; readonly line?: number | null | undefined }[]
  /** The native input; undefined where the agent shows none. */
  readonly rawInput: unknown
  readonly rawOutput: unknown
  readonly meta: Readonly<Record<string, unknown>>
}

/** One message about a call: only the fields that it names. */
export type ToolUpdate = Partial<Omit<AcpTool, 'id'>> & { readonly id: string }

/** Null when it does not even name the call. */
export function toToolUpdate(json: unknown): ToolUpdate | null {
  const parsed = toolFields.safeParse(json)
  if (!parsed.success) return null
  const { toolCallId: id, _meta, content, locations, ...fields } = parsed.data
  const told = { ...fields, content: content ?? undefined, locations: locations ?? undefined, meta: _meta }
  // What is absent must not overwrite what is known.
  return { id, ...Object.fromEntries(Object.entries(told).filter(([, value]) => value !== undefined && value !== null)) }
}

export function mergeTool(known: AcpTool | null, told: ToolUpdate): AcpTool {
  const before = known ?? {
    title: '',
    name: null,
    kind: 'other',
    status: 'pending',
    content: [],
    locations: [],
    rawInput: undefined,
    rawOutput: undefined,
    meta: {},
  }
  return { ...before, ...told, meta: { ...before.meta, ...told.meta } }
}

const permissionOption = z.object({ optionId: z.string(), kind: z.string(), name: z.string().catch('') })
export type PermissionOption = z.infer<typeof permissionOption>

/** The options of a permission request, in the agent's order. */
export const permissionRequest = z.object({
  toolCall: z.unknown(),
  options: listOf(permissionOption).transform((options) => options ?? []),
})

/** A question of the agent: `form` with a schema of what an answer holds; other modes are not supported. */
export const elicitation = z.object({
  mode: z.string().catch('form'),
  message: z.string().catch(''),
  requestedSchema: z.record(z.string(), z.unknown()).optional().catch(undefined),
})

// ---------------------------------------------------------------- updates

const count = z.int().nonnegative().nullable().catch(null)
const tokens = z.object({ inputTokens: count, outputTokens: count, thoughtTokens: count, cachedReadTokens: count })
export type Tokens = z.infer<typeof tokens>

const chunk = z.object({
  content: contentBlock,
  messageId: text,
  // The protocol knows only the tokens of a whole turn. Some agents tell here those of a call of the model.
  _meta: z.object({ usage: tokens }).optional().catch(undefined),
})
const planEntry = z.object({
  content: z.string(),
  priority: z.enum(['high', 'medium', 'low']).optional().catch(undefined),
  status: z.enum(['pending', 'in_progress', 'completed']).catch('pending'),
})

const update = z.discriminatedUnion('sessionUpdate', [
  chunk.extend({ sessionUpdate: z.enum(['agent_message_chunk', 'agent_thought_chunk']) }),
  z.looseObject({ sessionUpdate: z.enum(['tool_call', 'tool_call_update']) }),
  z.object({ sessionUpdate: z.literal('plan'), entries: listOf(planEntry).transform((entries) => entries ?? []) }),
  z.object({
    sessionUpdate: z.literal('usage_update'),
    used: z.number().nullable().catch(null),
    size: z.int().positive().nullable().catch(null),
    cost: z.object({ amount: z.number().nonnegative(), currency: z.string() }).nullable().catch(null),
  }),
])
export type Update = z.infer<typeof update>

/** Updates that tell nothing about a task. */
export const quietUpdates: ReadonlySet<string> = new Set([
  'user_message_chunk',
  'available_commands_update',
  'current_mode_update',
  'config_option_update',
  'session_info_update',
])

const sessionUpdate = z.object({ sessionId: z.string(), update: z.looseObject({ sessionUpdate: z.string() }) })

/** An update with its name and content; `known` is null for what the daemon does not understand. */
export interface SessionUpdate {
  readonly sessionId: string
  readonly name: string
  readonly known: Update | null
  readonly raw: Readonly<Record<string, unknown>>
}

export function toSessionUpdate(params: unknown): SessionUpdate | null {
  const parsed = sessionUpdate.safeParse(params)
  if (!parsed.success) return null
  const { sessionId, update: raw } = parsed.data
  return { sessionId, name: raw.sessionUpdate, known: update.safeParse(raw).data ?? null, raw }
}

// ---------------------------------------------------------------- answers of the agent

const flag = z.boolean().catch(false)
/** The protocol says `{}` for yes; some agents say `true`. */
const presence = z.unknown().transform((value) => value === true || (typeof value === 'object' && value !== null))

export const authMethod = z.object({ id: z.string(), name: z.string().catch('') })

export const initializeResult = z.object({
  protocolVersion: z.number().catch(1),
  agentInfo: z
    .object({ name: z.string().catch(''), version: z.string().catch('') })
    .nullish()
    .catch(null),
  authMethods: listOf(authMethod)
    .optional()
    .transform((methods) => methods ?? []),
  agentCapabilities: z
    .object({
      loadSession: flag,
      promptCapabilities: z.object({ image: flag }).catch({ image: false }),
      mcpCapabilities: z.object({ http: flag, sse: flag }).catch({ http: false, sse: false }),
      sessionCapabilities: z.object({ resume: presence }).catch({ resume: false }),
    })
    .catch({
      loadSession: false,
      promptCapabilities: { image: false },
      mcpCapabilities: { http: false, sse: false },
      sessionCapabilities: { resume: false },
    }),
})
export type InitializeResult = z.infer<typeof initializeResult>

const configOption = z.object({
  id: z.string(),
  category: z.string().nullish().catch(null),
  currentValue: z.unknown().optional(),
})

/** What a session is opened with: choices of model and mode. */
export const openedSession = z.object({
  sessionId: z.string().min(1).optional().catch(undefined),
  modes: z
    .object({ currentModeId: z.string().catch('') })
    .nullish()
    .catch(null),
  models: z
    .object({ currentModelId: z.string().catch('') })
    .nullish()
    .catch(null),
  configOptions: listOf(configOption)
    .optional()
    .transform((options) => options ?? []),
})
export type OpenedSession = z.infer<typeof openedSession>

export const promptResult = z.object({
  stopReason: z.string().catch('end_turn'),
  usage: tokens.nullish().catch(null),
  _meta: meta,
})
export type PromptResult = z.infer<typeof promptResult>
