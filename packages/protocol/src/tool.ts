import * as z from 'zod'

/** What a tool may do, as whoever offers it says: the permission mode decides by it. */
export const toolPermission = z.enum(['read-only', 'write', 'network', 'dangerous']).meta({ id: 'ToolPermission' })
export type ToolPermission = z.infer<typeof toolPermission>

/** Agents put up to 16 characters of their own before it, and models take 64 of letters, digits, `_` and `-`; some agents turn `-` into `_`. */
export const toolName = z.string().regex(/^[A-Za-z][A-Za-z0-9_]{0,39}$/, 'must be 1 to 40 of A-Z a-z 0-9 _ and begin with a letter')

export const jsonSchema = z.record(z.string(), z.unknown())
export type JsonSchema = z.infer<typeof jsonSchema>

const schema = jsonSchema.describe('JSON Schema 2020-12 of an object; `$ref` only inside itself')

export const toolDefinition = z
  .object({
    name: toolName,
    title: z.string().max(200).optional(),
    description: z.string().min(1).max(8192).describe('for the model'),
    input_schema: schema,
    output_schema: schema.optional().describe('what the result has to fit; without it any text will do'),
    permission: toolPermission.default('dangerous'),
    timeout_ms: z.int().min(1).max(86_400_000).default(600_000).describe('how long one call may take, once it has started'),
  })
  .meta({ id: 'ToolDefinition' })
export type ToolDefinition = z.infer<typeof toolDefinition>

/** One tool of a task: the name of one that the daemon has, or the definition of one that the host runs. */
export const toolManifestEntry = z.union([toolName, toolDefinition])
export type ToolManifestEntry = z.infer<typeof toolManifestEntry>

const entries = z.array(toolManifestEntry).max(128)

export const toolManifest = z.union([entries, z.object({ tools: entries.default([]) })]).meta({
  id: 'ToolManifest',
  description: 'Tools that the agent is offered beside its own. Left out: all that the daemon has. Empty: none.',
})
export type ToolManifest = z.infer<typeof toolManifest>

/** Body of `POST /sessions/<id>/tool-calls/<id>/result`. */
export const toolResultRequest = z
  .object({
    attempt: z.int().min(1),
    input_hash: z.string(),
    result: z.unknown().describe('text, or any JSON value; with an `output_schema`, a value that fits it'),
    is_error: z.boolean().default(false).describe('the tool failed, and `result` tells the model why: it is not checked then'),
  })
  .meta({ id: 'ToolResultRequest', example: { attempt: 1, input_hash: 'sha256:…', result: { temperature: 21 } } })
export type ToolResultRequest = z.infer<typeof toolResultRequest>

/** Body of `POST /sessions/<id>/tool-calls/<id>/output`. */
export const toolOutputRequest = z
  .object({
    attempt: z.int().min(1),
    input_hash: z.string(),
    stream: z.enum(['stdout', 'stderr', 'output']).default('output'),
    delta: z
      .string()
      .min(1)
      .max(64 * 1024),
  })
  .meta({ id: 'ToolOutputRequest' })
export type ToolOutputRequest = z.infer<typeof toolOutputRequest>

export const toolResultResponse = z.object({ ok: z.literal(true), tool_call_id: z.string() }).meta({ id: 'ToolResultResponse' })
export type ToolResultResponse = z.infer<typeof toolResultResponse>
